-- What the surroundings of awork-contacts may be like: closed streams, modules lying about, signals amid long work, any
-- bytes as arguments.
local core = require "awork.core"
local posix = require "awork.posix"
local help = require "client_help"

local SIGNALLED = "env --default-signal=INT,TERM,HUP "

describe("surroundings of awork-contacts #process", function()
  local server, root, environment

  local function sh(command)
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; D='%s'; %s"):format(environment, root, command)))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    return out, status
  end

  local function write(name, text)
    local file = assert(io.open(root .. "/" .. name, "wb"))
    file:write(text)
    file:close()
  end

  local function slurp(name)
    local file = assert(io.open(root .. "/" .. name, "rb"))
    local text = file:read "a"
    file:close()
    return text
  end

  setup(function()
    root = os.tmpname()
    os.remove(root)
    assert(posix.make_dirs(root))
    server = help.server { users = 3, contact_infos_per_user = 2 }
    local lua = os.getenv "LUA_CPATH"
    environment = ("AWORK_BASE_URL=%s AWORK_TOKEN=sandbox-token HOME='%s' TERM=xterm%s"):format(server.url, root,
      lua and (" LUA_CPATH='%s'"):format(lua) or "")
    write("people.csv", ("user;phone:work\n%s;+49 30 1\n"):format(server.user_ids[1]))
  end)

  before_each(function()
    server:reset()
  end)

  teardown(function()
    server:stop()
    os.execute(("rm -rf '%s'"):format(root))
  end)

  it("may have streams closed at start: nothing gets their numbers, and lost results are exit 1", function()
    local commands = { "list", "validate \"$D/people.csv\"", "types", "--help", "plan \"$D/people.csv\"" }
    for _, others in ipairs { "", "<&-", "2>&-", "<&- 2>&-" } do
      for _, output in ipairs { "", ">&-" } do
        os.remove(root .. "/out.json")
        local out, status = sh(([[bin/awork-contacts export -q -o "$D/out.json" %s %s]]):format(others, output))
        assert.equal(0, status, out)
        -- Were a stream's number the file's, what is said there would be in it.
        assert.matches("^%[\n.*\n%]\n$", slurp "out.json")
      end
      local out, status = sh(([[bin/awork-contacts list %s >"$D/list"]]):format(others))
      assert.equal(0, status, out)
      assert.matches("phone", slurp "list")
      for _, command in ipairs(commands) do
        out, status = sh(("bin/awork-contacts %s %s >&-"):format(command, others))
        assert.equal(1, status, command .. others)
        assert.equal(not others:find "2>", out:find("standard output: Bad file descriptor", 1, true) ~= nil)
      end
    end
    local out, status = sh "bin/awork-contacts validate - --from csv <&-"
    assert.equal(1, status)
    assert.matches("standard input.*Bad file descriptor", out)
  end)

  it("may lose results at the very end: a full disk", function()
    for _, command in ipairs { "types", "--help", "--version", "completion bash", "list", "list --json", "export",
      "validate \"$D/people.csv\"", "plan \"$D/people.csv\" -o -", "check --json" } do
      local out, status = sh(("bin/awork-contacts %s >/dev/full"):format(command))
      assert.equal(1, status, command)
      assert.matches("standard output: No space left on device", out)
    end
  end)

  it("may have modules in the working directory that are not ours", function()
    sh [[mkdir -p "$D/here/awork/cli" "$D/here/awork/sandbox" "$D/there/lua/awork" "$D/there/build/awork" "$D/there/bin"
      cp bin/awork-contacts "$D/there/bin"; cp -r lua/awork/* "$D/there/lua/awork"; rm -r "$D/there/lua/awork/sandbox"
      cp build/awork/core.so build/awork/posix.so "$D/there/build/awork"
      for name in cli sandbox core init; do echo 'print "HIJACKED"' >"$D/here/awork/$name.lua"; done
      for name in cli sandbox; do echo 'print "HIJACKED"' >"$D/here/awork/$name/init.lua"; done
      for name in awork cjson argparse; do echo 'print "HIJACKED"' >"$D/here/$name.lua"; done]]
    local out, status = sh [[cd "$D/here" && env -u LUA_PATH -u LUA_CPATH ../there/bin/awork-contacts sandbox]]
    assert.equal(1, status)
    assert.equal("awork-contacts: the sandbox is not installed; it is a rock of its own: awork-sandbox\n", out)
    out, status = sh [[cd "$D/here" && env -u LUA_PATH -u LUA_CPATH ../there/bin/awork-contacts types]]
    assert.equal(0, status, out)
    assert.is_nil(out:find("HIJACKED", 1, true))
    sh [[rm -r "$D/there/lua/awork/cli"]]
    out, status = sh [[cd "$D/here" && env -u LUA_PATH -u LUA_CPATH LUA_PATH=';;' ../there/bin/awork-contacts types]]
    assert.is_nil(out:find("HIJACKED", 1, true))
    if status ~= 0 then -- unless it is installed on this machine, too
      assert.equal("awork-contacts: the Lua module 'awork.cli' is missing\n", out)
    end
  end)

  -- Gives a command a signal once it reads what never ends, and says how it ended.
  local function stopped(signal, command)
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; D='%s'; echo $$; exec %s"):format(environment, root,
      SIGNALLED .. command)))
    local pid = assert(math.tointeger(tonumber(pipe:read "l")))
    -- It is busy when it has used some time: a third of a second of the processor's.
    for _ = 1, 6000 do
      local stat = io.open(("/proc/%d/stat"):format(pid))
      local fields = stat and stat:read "a" or ""
      if stat then stat:close() end
      local user = fields:match "%) [^Z] %d+ %d+ %d+ %-?%d+ %-?%d+ %d+ %d+ %d+ %d+ %d+ (%d+)"
      if not user or tonumber(user) >= 30 then break end
      os.execute "sleep 0.02"
    end
    os.execute(("kill -%s %d"):format(signal, pid))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    return status, out
  end

  for signal, code in pairs { INT = 130, TERM = 143, HUP = 129 } do
    it(("may send SIG%s in the middle of one huge cell, or of a file without an end"):format(signal), function()
      -- Cells that never end; where their length has a limit, the command may be done before.
      for _, from in ipairs { "csv", "vcard", "json", "scim" } do
        local head = from == "csv" and "E-Mail\\n\"" or from == "vcard" and "BEGIN:VCARD\\nNOTE:" or "[\""
        local status, out = stopped(signal, ("bash -c 'exec bin/awork-contacts validate --from %s <(printf %q; "
          .. "yes aaaaaaaaaaaaaaaa | tr -d \"\\n\")'"):format(from, head))
        if status ~= 1 then
          assert.equal(code, status, from .. out)
          assert.equal(("awork-contacts: stopped by SIG%s\n"):format(signal), out)
        end
      end
      local status, out = stopped(signal, "bash -c 'exec bin/awork-contacts plan --from csv <(echo user; yes x)'")
      assert.equal(code, status, out)
    end)
  end

  it("may be pipes to read from, which are read but once: people, plans, journals", function()
    local plan = [["$D/people.csv" -q -o "$D/plan.json" >"$D/shown"]]
    assert.equal(2, select(2, sh("bin/awork-contacts plan " .. plan)))
    for _, command in ipairs { "plan FILE", "plan --from csv FILE", "apply --yes --journal \"$D/j1\" FILE" } do
      local out = sh(("bash -c 'bin/awork-contacts %s'"):format(command:gsub("FILE", "<(cat $D/people.csv)"))
        :gsub("%$D", root))
      assert.matches("Plan: 1 to add, 0 to change", out)
    end
    local out = sh(("bash -c 'bin/awork-contacts undo --yes --journal %s/j2 <(cat %s/j1)'"):format(root, root))
    assert.matches("Undone: 1 deleted", out)
    out = sh [[mkfifo "$D/in"; cat "$D/people.csv" >"$D/in" & bin/awork-contacts plan "$D/in"; wait]]
    assert.matches("Plan: 1 to add.*", out)
    out = sh(("bash -c 'bin/awork-contacts apply --yes --journal %s/j3 <(cat %s/plan.json)'"):format(root, root))
    assert.matches("Applied: 1 added", out)
    out = sh [[bin/awork-contacts undo --yes --journal "$D/j4" "$D/j3"]]
    assert.matches("Undone: 1 deleted", out)
    out = sh [[cat "$D/plan.json" | bin/awork-contacts apply - --yes --journal "$D/j5"]]
    assert.matches("Applied: 1 added", out)
    out = sh [[cat "$D/people.csv" | bin/awork-contacts apply - --yes --journal "$D/j6"]]
    assert.matches("Nothing to do", out)
  end)

  it("may be names of nothing", function()
    for _, command in ipairs { "plan ''", "undo ''", "export -o ''", "apply x --journal ''", "check --token-file ''",
      "check --ca-file ''", "sandbox --people ''", "validate ''" } do
      local out, status = sh("bin/awork-contacts " .. command)
      assert.equal(1, status)
      assert.matches("^awork%-contacts: [a-z -]+: an empty name\n$", out)
    end
  end)

  it("may be any bytes, as arguments", function()
    local bad = "$(printf '\\377\\033[2J')"
    write("\xFF\27[2J.csv", "user;phone\nx;1\n")
    for _, command in ipairs { "validate \"$D/" .. bad .. ".csv\"", "validate " .. bad, "find " .. bad, "list " .. bad,
      "plan --default-country " .. bad .. " x", "plan --only " .. bad .. " x", "check --base-url http://" .. bad,
      "check --ca-file " .. bad, "undo " .. bad, bad, "--" .. bad, "completion " .. bad, "check --timeout " .. bad,
      "export -f " .. bad, "validate --encoding " .. bad .. " \"$D/people.csv\"", "check --token-file " .. bad } do
      for _, json in ipairs { "", "--json " } do
        local out, status = sh(("bin/awork-contacts %s%s"):format(json, command))
        assert(status == 0 or status == 1, out)
        assert.equal(core.visible(out, "lines"), out)
        assert.is_nil(out:find("internal error", 1, true), out)
      end
    end
    local said = {}
    local stderr = { write = function(_, text) said[#said + 1] = text end, flush = function() end }
    assert.equal(1, require "awork.cli".main({ "validate", "a\0b" }, { stdout = io.stdout, stderr = stderr,
      isatty = function() return false end, getenv = function() end }))
    assert.matches("an argument has a zero byte", table.concat(said))
  end)
end)
