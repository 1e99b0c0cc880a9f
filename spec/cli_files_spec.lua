-- What `-o` writes to: nobody's file is lost, replaced or left half.
local posix = require "awork.posix"
local help = require "client_help"

local TOKEN = "sandbox-token"

-- The command as it is when a signal ends it, also if who runs the specs has it ignored.
local SIGNALLED = "env --default-signal=INT,TERM bin/awork-contacts"

describe("files of awork-contacts #process", function()
  local server, root, environment

  -- The output, stderr too, and the exit status of a shell's command; $D is the directory.
  local function sh(command)
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; D='%s'; %s"):format(environment, root, command)))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    return out, status
  end

  local function slurp(name)
    local file = assert(io.open(root .. "/" .. name, "rb"))
    local text = file:read "a"
    file:close()
    return text
  end

  local function is_export(text)
    return text:find "^%[\n" ~= nil and text:find "\n%]\n$" ~= nil
  end

  -- `stat -c` of a file: mode, type, owner.
  local function stat(name)
    return (sh(("stat -c '%%a %%F %%u:%%g' \"$D/%s\""):format(name)):gsub("\n$", ""))
  end

  setup(function()
    server = help.server { users = 3, contact_infos_per_user = 2 }
    local lua = os.getenv "LUA_CPATH"
    environment = ("AWORK_BASE_URL=%s AWORK_TOKEN=%s TERM=xterm%s"):format(server.url, TOKEN,
      lua and (" LUA_CPATH='%s'"):format(lua) or "")
  end)

  before_each(function()
    server:reset()
    root = os.tmpname()
    os.remove(root)
    assert(posix.make_dirs(root .. "/sub"))
    local file = assert(io.open(root .. "/people.csv", "wb"))
    file:write(("user;phone:work\n%s;+49 30 1\n"):format(server.user_ids[1]))
    file:close()
  end)

  after_each(function()
    -- A left-over would be hidden from ls.
    assert.equal("", sh "ls -A \"$D\" \"$D/sub\" | grep '^\\.awork'")
    os.execute(("rm -rf '%s'"):format(root))
  end)

  teardown(function()
    server:stop()
  end)

  it("are written into when they are no regular ones: devices, pipes, descriptors", function()
    local out, status = sh [[bin/awork-contacts plan "$D/people.csv" -q -o /dev/null >/dev/null; stat -c %F /dev/null]]
    assert.equal("character special file\n", out, status)
    out = sh [[mkfifo "$D/fifo"; cat "$D/fifo" >"$D/read" & bin/awork-contacts export -q -o "$D/fifo"; echo $?; wait]]
    assert.equal("0\n", out)
    assert(is_export(slurp "read"))
    assert.matches("fifo", stat "fifo")
    out = sh [[ln -s /proc/self/fd/1 "$D/stdout"; bin/awork-contacts export -q -f json -o "$D/stdout" | tail -n 1]]
    assert.equal("]\n", out)
    out = sh [[{ echo before; bin/awork-contacts export -q -o /dev/stdout; echo after; } >"$D/all"; tail -n 1 "$D/all"]]
    assert.equal("after\n", out)
    assert.matches("^before\n%[\n.*\n%]\nafter\n$", slurp "all")
    out = sh [[bash -c 'bin/awork-contacts export -q -o >(tail -n 1); sleep 0; wait $!']]
    assert.equal("]\n", out)
  end)

  it("that are devices of one's own stay what they are", function()
    if select(2, sh [[mknod "$D/null" c 1 3 2>/dev/null && : >"$D/null"]]) ~= 0 then
      return pending "needs the right to make devices"
    end
    local before = stat "null"
    sh [[bin/awork-contacts plan "$D/people.csv" -o "$D/null"; bin/awork-contacts export -o "$D/null"]]
    assert.equal(before, stat "null")
  end)

  it("are found through links, which stay: to what is there, to what is not, in chains", function()
    sh [[cd "$D"; echo old >sub/target; chmod 664 sub/target
      ln -s sub/target one; ln -s "$D/one" two; ln -s sub/new dangling]]
    for _, name in ipairs { "one", "two", "dangling" } do
      local out, status = sh(([[bin/awork-contacts export -q -o "$D/%s" --format json]]):format(name))
      assert.equal(0, status, out)
      assert.matches("symbolic link", stat(name))
      assert(is_export(slurp(name)))
      sh [[echo old >"$D/sub/target"]]
    end
    assert.matches("^664 regular", stat "sub/target")
    assert.matches("^600 regular", stat "sub/new")
    local out, status = sh [[ln -s loop "$D/loop"; bin/awork-contacts export -o "$D/loop"]]
    assert.equal(1, status)
    assert.matches("loop: Too many levels of symbolic links", out)
  end)

  it("keep mode and owner when they are replaced, and new ones are private", function()
    sh [[cd "$D"; echo old >shared; chmod 640 shared; chown 1234:4321 shared 2>/dev/null]]
    local before = stat "shared"
    for _, command in ipairs { "export -q -o", "plan \"$D/people.csv\" -q -o" } do
      sh(([[bin/awork-contacts %s "$D/shared"; bin/awork-contacts %s "$D/new"]]):format(command, command))
      assert.equal(before, stat "shared")
      assert.matches("^600 ", stat "new")
      assert.is_nil(slurp "shared":find "^old")
    end
  end)

  it("are refused with a reason: directories, full disks, what may not be written, what is read", function()
    for command, reason in pairs {
      ["export -o \"$D/sub\""] = "sub: Is a directory", ["export -o \"$D/sub/\""] = "Is a directory",
      ["export -o /dev/full"] = "/dev/full: No space left on device",
      ["plan \"$D/people.csv\" -o /dev/full"] = "No space",
      ["export -o \"$D/absent/x\""] = "absent/x: No such file", ["export -o ''"] = "%-%-output: an empty name",
      ["export -o \"$D/people.csv/x\""] = "Not a directory",
      ["plan \"$D/people.csv\" -o \"$D/people.csv\""] = "people.csv is what is read",
      ["plan \"$D/people.csv\" -o \"$D/sub/../people.csv\""] = "people.csv is what is read",
      ["plan - --from csv -o \"$D/people.csv\" <\"$D/people.csv\""] = "people.csv is what is read",
      [("export -o \"$D/%s\""):format(("x"):rep(300))] = "File name too long",
    } do
      local out, status = sh("bin/awork-contacts " .. command)
      assert.equal(1, status, command)
      assert.matches(reason, out)
    end
    assert.matches("^user;", slurp "people.csv")
    local unprivileged = "setpriv --reuid 65534 --regid 65534 --clear-groups "
    -- Where these files are for everybody: a checkout below /root is not.
    if select(2, sh(unprivileged .. '2>/dev/null test -r "$PWD/lua/awork/init.lua"')) == 0 and sh "id -u" == "0\n" then
      sh [[chmod 755 "$D" "$D/sub"; echo old >"$D/sub/open"; chmod 666 "$D/sub/open"; echo old >"$D/sub/shut"]]
      for name, reason in pairs { open = "its directory can't be written to", shut = "Permission denied" } do
        local out, status = sh(("%s lua5.4 bin/awork-contacts export -o \"$D/sub/%s\""):format(unprivileged, name))
        assert.equal(1, status, out)
        assert.matches(name .. ": " .. reason, out)
        assert.equal("old\n", slurp("sub/" .. name))
      end
    end
  end)

  it("of two exports at once are one's or the other's, and nobody's .part is touched", function()
    sh [[echo 'half a download' >"$D/people.json.part"]]
    -- Each has its first page written when the other begins.
    server:fault { kind = "delay", seconds = 1, path = "/users$", times = 2 }
    local out = sh [[
      bin/awork-contacts export -q -o "$D/people.json" & one=$!
      bin/awork-contacts export -q -o "$D/people.json" & two=$!
      wait $one; echo $?; wait $two; echo $?]]
    assert.equal("0\n0\n", out)
    assert(is_export(slurp "people.json"))
    assert.equal("half a download\n", slurp "people.json.part")
  end)

  for signal, code in pairs { INT = 130, TERM = 143 } do
    it(("are as they were when SIG%s comes, and nothing is left over"):format(signal), function()
      sh [[echo mine >"$D/people.json"]]
      server:fault { kind = "delay", seconds = 60, path = "/users$", times = math.huge }
      local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; echo $$; exec %s export -o '%s/people.json'")
        :format(environment, SIGNALLED, root)))
      local pid = assert(math.tointeger(tonumber(pipe:read "l")))
      for _ = 1, 3000 do
        if sh "ls -A \"$D\" | grep -c '^\\.awork'" == "1\n" then break end
        os.execute "sleep 0.02"
      end
      os.execute(("kill -%s %d"):format(signal, pid))
      local out = pipe:read "a"
      local _, _, status = pipe:close()
      server:clear_faults()
      assert.equal(("awork-contacts: stopped by SIG%s\n"):format(signal), out)
      assert.equal(code, status)
      assert.equal("mine\n", slurp "people.json")
    end)
  end

  it("that are pipes without a reader are given up on a signal", function()
    sh [[mkfifo "$D/fifo"]]
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; echo $$; exec %s export -o '%s/fifo'"):format(
      environment, SIGNALLED, root)))
    local pid = assert(math.tointeger(tonumber(pipe:read "l")))
    os.execute "sleep 0.5"
    os.execute(("kill -INT %d"):format(pid))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    assert.equal(130, status, out)
  end)

  it("of plans may be standard output", function()
    local out, status = sh [[bin/awork-contacts plan "$D/people.csv" -o - 2>/dev/null >"$D/plan.json"]]
    assert.equal(2, status, out)
    out, status = sh [[bin/awork-contacts apply "$D/plan.json" --yes --journal "$D/journal"]]
    assert.equal(0, status, out)
  end)
end)
