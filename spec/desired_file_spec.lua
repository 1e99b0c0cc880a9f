-- posix.journal_open, posix.write_file, posix.make_dirs: files that are on disk when the function returns.
local posix = require "awork.posix"

local dir = os.tmpname()
os.remove(dir)

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

describe("files of the core", function()
  setup(function()
    assert(posix.make_dirs(dir .. "/a//b"))
  end)

  teardown(function()
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("are appended to, once they are made", function()
    local path = dir .. "/journal"
    local journal = assert(posix.journal_open(path))
    assert.is_true(journal:write "one\n")
    assert.is_true(journal:write "")
    assert.is_true(journal:write "t\0o\n")
    assert.is_true(journal:sync())
    assert.is_true(journal:close())
    assert.is_true(journal:close())
    assert.equal("one\nt\0o\n", read(path))
    assert.has_error(function() journal:write "x" end)
    assert.has_error(function() journal:sync() end)
    local again, message = posix.journal_open(path)
    assert.is_nil(again)
    assert.matches("exists", message, 1, true)
    assert.is_nil((posix.journal_open(dir .. "/absent/journal")))
  end)

  it("close themselves", function()
    local kept
    do
      local journal <close> = assert(posix.journal_open(dir .. "/scoped"))
      kept = journal
    end
    assert.has_error(function() kept:write "x" end)
    local stat = assert(io.open "/proc/self/stat")
    local pid = stat:read "l":match "^%d+"
    stat:close()
    local function descriptors()
      collectgarbage()
      -- Of these files alone: what else is in this process opens and closes others meanwhile.
      local pipe = assert(io.popen(("ls -l /proc/%s/fd | grep -c '%s/many-'"):format(pid, dir)))
      local count = tonumber(pipe:read "a")
      pipe:close()
      return count
    end
    for i = 1, 50 do
      assert(posix.journal_open(("%s/many-%d"):format(dir, i)))
    end
    assert.equal(0, descriptors())
    local open <close> = assert(posix.journal_open(dir .. "/many-open")) -- luacheck: ignore
    assert.equal(1, descriptors())
  end)

  it("are replaced whole", function()
    local path = dir .. "/plan"
    assert.is_true(posix.write_file(path, "old"))
    assert.is_true(posix.write_file(path, "n\0w"))
    assert.equal("n\0w", read(path))
    local ok, message = posix.write_file(dir .. "/absent/plan", "x")
    assert.is_nil(ok)
    assert.matches("absent/plan", message, 1, true)
    ok = posix.write_file(dir .. "/a", "x")
    assert.is_nil(ok)
  end)

  it("say what is no path", function()
    for _, wrong in ipairs { "", "a\0b", 7, {} } do
      assert.has_error(function() posix.journal_open(wrong) end)
      assert.has_error(function() posix.write_file(wrong, "") end)
      assert.has_error(function() posix.make_dirs(wrong) end)
    end
    assert.has_error(function() posix.journal_open() end)
    assert.has_error(function() posix.write_file(dir .. "/x", 7) end)
    local journal = assert(posix.journal_open(dir .. "/typed"))
    assert.has_error(function() journal:write(7) end)
    assert.has_error(function() journal.write(io.stdout, "x") end)
    journal:close()
    local ok, message = posix.make_dirs(dir .. "/plan/below")
    assert.is_nil(ok)
    assert.is_string(message)
  end)
end)
