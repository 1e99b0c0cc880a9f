-- The documentation is true: every Lua block of it runs against the sandbox, every C block compiles, every command and
-- every link leads somewhere.
local awork = require "awork"
local core = require "awork.core"
local documents = require "support.documents"
local posix = require "awork.posix"
local sandbox = require "awork.sandbox"

local function read(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local out = pipe:read "a"
  return out, pipe:close()
end

local function slurp(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local files = { "README.md" }
for path in read("ls docs/*.md"):gmatch "[^\n]+" do files[#files + 1] = path end

for _, path in ipairs(files) do
  describe(path, function()
    local server, env, close, directory
    local blocks = documents.blocks(path)

    setup(function()
      directory = os.tmpname()
      os.remove(directory)
      assert(posix.make_dirs(directory))
      server = assert(sandbox.start { companies = 2 })
      env, close = documents.environment(server)
    end)

    teardown(function()
      close()
      server:stop()
      os.execute(("rm -r '%s'"):format(directory))
    end)

    for _, block in ipairs(blocks) do
      if block.language == "lua" then
        it(("line %d: the code runs"):format(block.line), function()
          if block.words == "fragment" then documents.compile(block) else documents.run(block, env, directory) end
        end)
      elseif block.language == "c" then
        it(("line %d: the C code compiles #process"):format(block.line), function()
          local name = os.tmpname()
          local file = assert(io.open(name, "w"))
          assert(file:write(block.text))
          file:close()
          local out, ok = read(("cc -std=c11 -Wall -Werror -fsyntax-only -Isrc $(pkg-config --cflags lua5.4) -x c %s")
            :format(name))
          os.remove(name)
          assert(ok, out)
        end)
      elseif block.language == "console" then
        it(("line %d: the commands print what they are said to #process"):format(block.line), function()
          local home = directory .. "/home"
          local people = "examples/people.csv"
          os.execute(("mkdir '%s' && head -n 3 %s > '%s/people.csv'"):format(home, people, home))
          local users = {}
          for line in io.lines(people) do
            local first, last, address = line:match "^([^;]*);([^;]*);([^;]*@[^;]*);"
            if first then
              users[#users + 1] = { firstName = first, lastName = last, contact_infos = {
                { type = "email", subType = "work", value = address } } }
            end
          end
          local console <close> = assert(sandbox.start { users = users })
          documents.console(block, console, home)
          os.execute(("rm -r '%s'"):format(home))
        end)
      elseif block.language == "sh" then
        it(("line %d: the commands name what is there"):format(block.line), function()
          local makefile = "\n" .. slurp "Makefile"
          for line in block.text:gmatch "[^\n]+" do
            local target = line:match "^make ([%l-]+)" or line:match "^sudo make ([%l-]+)"
            assert(not target or makefile:find("\n" .. target .. ":", 1, true), line)
          end
          for example in block.text:gmatch "examples/[%w_./-]+" do
            assert(io.open(example), example .. " is not there"):close()
          end
        end)
      end
    end

    it("has links that lead somewhere", function()
      local base = path:match "^(.*/)" or ""
      local text = slurp(path):gsub("\n%s*```.-\n%s*```", "")
      for target in text:gmatch "%]%(([^)%s]+)%)" do
        if not target:find "^https?://" then
          local file, anchor = target:match "^([^#]*)#?(.*)$"
          local to = file == "" and path or base .. file
          local handle = assert(io.open(to), ("%s: %s is not there"):format(path, target))
          handle:close()
          if anchor ~= "" then
            local found = false
            for title in ("\n" .. slurp(to)):gmatch "\n#+ ([^\n]+)" do
              found = found or title:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-") == anchor
            end
            assert(found, ("%s: no heading for %s"):format(path, target))
          end
        end
      end
    end)
  end)
end

-- Tables in the documentation that stand as data in the core.
describe("documentation of data", function()
  local validation, errors = slurp "docs/validation.md", slurp "docs/errors.md"

  local function has(text, row, ...)
    row = row:format(...)
    assert(text:find(row, 1, true), "no row " .. row)
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  it("docs/validation.md has every field, rule, type and subtype", function()
    for _, field in ipairs(awork.fields()) do
      has(validation, "| `%s` | %s | %s", field.name, field.type, field.max_length or "|")
    end
    for _, rule in ipairs(awork.rules()) do has(validation, "| `%s` | %s |", rule.rule, rule.doc) end
    for _, owner in ipairs { "user", "company" } do
      local section = validation:match(owner .. "'s type | subtypes |\n(.-)\n\n")
      for _, entry in ipairs(awork.types(owner)) do
        local list = table.concat(entry.subtypes, "`, `")
        has(section, "| `%s` | %s", entry.type, list ~= "" and "`" .. list .. "` |" or "")
      end
      assert.equal(#awork.types(owner), count(section, "| `[^|]*` |[^|]*|"))
    end
  end)

  it("docs/errors.md has every code of awork", function()
    for code, entry in pairs(core.error_codes()) do
      has(errors, "| `%s` | %s | %s |", code, entry.retryable and "yes" or "", entry.advice)
    end
  end)

  it("docs/errors.md has every code and kind that the sources make", function()
    local seen = 0
    local function look(files_of, ...)
      for file in read(files_of):gmatch "[^\n]+" do
        local text = slurp(file)
        for _, pattern in ipairs { ... } do
          for code in text:gmatch(pattern) do
            seen = seen + 1
            assert(errors:find("`" .. code .. "`", 1, true), ("%s: `%s` is not in docs/errors.md"):format(file, code))
          end
        end
      end
    end
    look("find lua/awork -name '*.lua' -not -path '*/sandbox/*'", 'errors%.new {[^}]-code = "([%w-]+)"',
      'err%.kind, err%.code = "[%w_]+", "([%w-]+)"', 'errors%.new {%s*kind = "([%w_]+)"', 'errors%.invalid%("([%w-]+)"',
      'errors%.raised%("([%w-]+)"', 'token_error%("([%w-]+)"', 'refuse%("([%w-]+)"', 'unreadable%([^"\n)]*"(%l[%l-]+)"')
    look("ls src/http/*.c", '{CURLE_[%u%d_]+, AW_%u+, %a+, "([%w-]+)"}', 'code, AW_%u+, %a+, "([%w-]+)"}',
      'aw_transfer_fail%([^"\n)]*"([%w-]+)"')
    assert(seen > 50, seen .. " codes found: have the sources changed their ways?")
  end)
end)

it("docs/architecture.md names every source file", function()
  local text = slurp "docs/architecture.md"
  for path in read("find src lua/awork -name '*.[ch]' -o -name '*.def' -o -name '*.lua'"):gmatch "[^\n]+" do
    local name, extension = path:match "([^/]+)%.(%w+)$"
    local here = text:find(name .. "." .. extension, 1, true) or text:find(name .. ".h/.c", 1, true)
      or path:find "/format/" and text:find("format/", 1, true)
    assert(here, path .. " is not in docs/architecture.md")
  end
end)

-- The demo prints what docs/tour.md says it prints, but for the port, and ids.
it("docs/tour.md shows what `make demo` prints #process", function()
  local shown
  for _, block in ipairs(documents.blocks "docs/tour.md") do
    if block.words == "demo" then shown = block.text end
  end
  local function plain(text)
    return (text:gsub("127%.0%.0%.1:%d+", "127.0.0.1:PORT"):gsub("%x+%-%x+%-%x+%-%x+%-%x+", "GUID")
      :gsub("trace %w+", "trace"))
  end
  local out, ok = read "lua5.4 examples/demo.lua"
  assert.is_truthy(ok, out)
  assert.equal(plain(out), plain(shown))
end)
