-- The command line as a process of its own: exit codes, pipes, signals, a real terminal.
local help = require "client_help"

local TOKEN = "sandbox-token"

-- The command as it is when a signal ends it, also if who runs the specs has it ignored (nohup, a shell's background).
local SIGNALLED = "env --default-signal=INT,TERM,HUP bin/awork-contacts"

describe("awork-contacts as a process #process", function()
  local server, root, environment

  -- The output, stderr too, and the exit status of a shell's command.
  local function sh(command)
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; %s"):format(environment, command)))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    assert.is_nil(out:find(TOKEN, 1, true))
    return out, status
  end

  local function write(name, text)
    local file = assert(io.open(root .. "/" .. name, "wb"))
    assert(file:write(text))
    file:close()
    return root .. "/" .. name
  end

  local function posts()
    return server.stats().requests
  end

  setup(function()
    root = os.tmpname()
    os.remove(root)
    os.execute(("mkdir '%s'"):format(root))
    server = help.server { users = 30 }
    local lua = os.getenv "LUA_CPATH"
    environment = ("AWORK_BASE_URL=%s AWORK_TOKEN=%s HOME=%s XDG_STATE_HOME=%s/state TERM=xterm%s"):format(server.url,
      TOKEN, root, root, lua and (" LUA_CPATH='%s'"):format(lua) or "")
    local people = {}
    for i, id in ipairs(server.user_ids) do
      people[i] = ('{"user":"%s","contact_infos":[{"type":"phone","subType":"work","value":"+49 30 %d"}]}')
        :format(id, 1000 + i)
    end
    write("people.jsonl", table.concat(people, "\n") .. "\n")
  end)

  before_each(function()
    server:reset()
    os.execute(("rm -rf '%s/state'"):format(root))
  end)

  teardown(function()
    server:stop()
    os.execute(("rm -rf '%s'"):format(root))
  end)

  it("has the exit codes that it documents", function()
    local function code(command)
      local out, status = sh(("bin/awork-contacts %s"):format(command:gsub("FILE", root .. "/people.jsonl")))
      return status, out
    end
    assert.equal(0, code "types")
    assert.equal(0, code "check")
    assert.equal(2, code "plan FILE")
    assert.equal(1, code "apply FILE")
    assert.equal(0, code "apply FILE --yes")
    assert.equal(0, code "plan FILE")
    assert.equal(2, code(("undo %s/state/awork/*.jsonl -n"):format(root)))
    assert.equal(0, code(("undo %s/state/awork/*.jsonl --yes"):format(root)))
    assert.equal(1, code "plan /absent")
    assert.equal(1, code "--nonsense")
    assert.equal(1, code "check --base-url http://127.0.0.1:1/api --timeout 1")
  end)

  it("is found from anywhere, without a path to its modules", function()
    local out, status = sh("top=$PWD; cd /; env -u LUA_PATH -u LUA_CPATH $top/bin/awork-contacts types")
    assert.equal(0, status, out)
    assert.matches("^phone ", out)
  end)

  it("says why it can't be loaded", function()
    local out, status = sh(("mkdir -p '%s/lua/awork/cli'; echo 'return +' >'%s/lua/awork/cli/init.lua'; ")
      :format(root, root) .. ("mkdir '%s/bin'; cp bin/awork-contacts '%s/bin'; '%s/bin/awork-contacts'"):format(root,
        root, root))
    assert.equal(1, status)
    assert.matches("^awork%-contacts: error loading module 'awork%.cli' from file '[^\n]*': [^\n]*unexpected [^\n]*\n$",
      out)
  end)

  it("ends quietly when its reader has had enough, and not when the disk is full", function()
    sh(("bin/awork-contacts apply %s/people.jsonl --yes"):format(root))
    local out = sh "bash -c 'bin/awork-contacts list | head -n 1; echo ${PIPESTATUS[0]}'"
    -- What fits into the pipe may have been written before head ends.
    assert.matches("^[^\n]* phone/work [^\n]*\n%d+\n$", out)
    out = sh "bash -c 'bin/awork-contacts list | true; exec bin/awork-contacts list > >(exec <&-; sleep 0.1)'"
    assert.equal("", out)
    local status
    out, status = sh "bin/awork-contacts list >/dev/full"
    assert.equal(1, status)
    assert.matches("^awork%-contacts: standard output: No space left on device\n$", out)
    out, status = sh "bin/awork-contacts list >&-"
    assert.equal(1, status)
    assert.matches("standard output: Bad file descriptor", out)
  end)

  it("takes the token from a pipe, too", function()
    local out, status = sh(("bash -c 'unset AWORK_TOKEN; bin/awork-contacts check --token-file <(printf sandbox-; "
      .. "printf token)'"))
    assert.equal(0, status, out)
  end)

  -- Starts an apply that takes its time, and gives it a signal when some of it is done.
  local function interrupted(signal, arguments)
    server:fault { kind = "delay", seconds = 0.05, method = "POST", times = math.huge }
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; echo $$; "
      .. "exec %s apply %s/people.jsonl --yes --concurrency 1 %s"):format(environment, SIGNALLED, root,
      arguments or "")))
    local pid = assert(math.tointeger(tonumber(pipe:read "l")))
    local begun = posts()
    for _ = 1, 2000 do
      if posts() >= begun + 8 then break end
      os.execute "sleep 0.01"
    end
    os.execute(("kill -%s %d"):format(signal, pid))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    server:clear_faults()
    return out, status
  end

  local function phones()
    local count, each = 0, 0
    for _, id in ipairs(server.user_ids) do
      local infos = server.contact_infos(id)
      count = count + #infos
      each = math.max(each, #infos)
    end
    return count, each
  end

  for signal, code in pairs { INT = 130, TERM = 143, HUP = 129 } do
    it(("ends an apply in order on SIG%s, and a second one does the rest"):format(signal), function()
      local out, status = interrupted(signal)
      assert.equal(code, status, out)
      local done, left = out:match "Stopped: (%d+) added, (%d+) not begun%.\nUndo journal: "
      assert.equal(30, assert(tonumber(done), out) + tonumber(left))
      assert.equal(tonumber(done), (phones()))
      out, status = sh(("bin/awork-contacts apply %s/people.jsonl --yes"):format(root))
      assert.equal(0, status, out)
      assert.same({ 30, 1 }, { phones() })
      for journal in sh(("ls -r %s/state/awork/*"):format(root)):gmatch "[^\n]+" do
        out, status = sh(("bin/awork-contacts undo %s --yes"):format(journal))
        assert.equal(0, status, out)
      end
      assert.equal(0, (phones()))
    end)
  end

  it("reports as JSON what a signal left undone", function()
    local out, status = interrupted("INT", "--json --quiet")
    assert.equal(130, status)
    local report = require "cjson".decode(out)
    assert.same({ "incomplete", true, 30 }, { report.state, report.cancelled, #report.results })
    assert(report.counts.create > 0 and report.counts.not_run > 0)
  end)

  it("ends at once on a signal while it only reads", function()
    server:fault { kind = "delay", seconds = 20, times = math.huge }
    local pipe = assert(io.popen(("exec 2>&1 </dev/null; export %s; echo $$; exec %s list"):format(environment,
      SIGNALLED)))
    local pid = assert(math.tointeger(tonumber(pipe:read "l")))
    local before = posts()
    for _ = 1, 1000 do
      if server.stats().open_connections > 0 or posts() > before then break end
      os.execute "sleep 0.01"
    end
    os.execute(("kill -INT %d"):format(pid))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    server:clear_faults()
    assert.equal("awork-contacts: stopped by SIGINT\n", out)
    assert.equal(130, status)
  end)

  it("keeps ignoring a signal that is ignored", function()
    server:fault { kind = "delay", seconds = 0.3, times = 1 }
    local out, status = sh("trap '' HUP; bin/awork-contacts list >/dev/null & pid=$!; sleep 0.1; kill -HUP $pid; "
      .. "wait $pid")
    assert.equal(0, status, out)
  end)

  it("asks on a terminal, in colours, with a bar", function()
    if select(2, sh "script -qec true /dev/null") ~= 0 then
      pending "no pseudo-terminal can be had here"
      return
    end
    local command = ("bin/awork-contacts apply %s/people.jsonl"):format(root)
    local out, status = sh(("{ sleep 1; echo y; } | script -qec '%s' /dev/null"):format(command))
    assert.equal(0, status, out)
    assert.matches("\27%[32m  %+ phone/work", out)
    assert.matches("Apply these 30 changes%? %[y/N%]", out)
    assert.matches("\r\27%[KApplying %[=*>? *%] %d+/30", out)
    assert.matches("Applied: 30 added%.", out)
    assert.equal(30, (phones()))
    out, status = sh(("NO_COLOR=1 script -qec '%s --quiet' /dev/null"):format(command))
    assert.equal(0, status)
    assert.is_nil(out:find("\27", 1, true))
  end)

  it("runs a sandbox, until a signal comes", function()
    local pipe = assert(io.popen(("export %s; echo $$; exec bin/awork-contacts sandbox --port 0 --people examples/"
      .. "people.csv --quiet"):format(environment)))
    local pid = assert(math.tointeger(tonumber(pipe:read "l")))
    local variables = {}
    for _ = 1, 3 do
      variables[#variables + 1] = assert(pipe:read "l"):gsub("^export ", "")
    end
    local out, status = sh(("export %s; bin/awork-contacts find dora.dietz@example.com"):format(
      table.concat(variables, " ")))
    assert.equal(0, status)
    assert.matches("^Dora Dietz +email/work +dora.dietz@example.com\n$", out)
    os.execute(("kill -INT %d"):format(pid))
    local _, _, code = pipe:close()
    assert.equal(0, code)
    out, status = sh "bin/awork-contacts sandbox --port 1 --people /absent"
    assert.equal(1, status)
    assert.matches("absent: No such file", out)
  end)

  it("has completions that their shells can read", function()
    local out, status = sh("bash -c '. completions/awork-contacts.bash; COMP_WORDS=(awork-contacts pl); COMP_CWORD=1; "
      .. "_awork-contacts; echo ${COMPREPLY[@]}; COMP_WORDS=(awork-contacts plan --pru); COMP_CWORD=2; "
      .. "_awork-contacts; echo ${COMPREPLY[@]}'")
    assert.equal(0, status, out)
    assert.equal("plan\n--prune\n", out)
    for shell, file in pairs { zsh = "_awork-contacts", fish = "awork-contacts.fish" } do
      out, status = sh(("command -v %s >/dev/null || exit 0; %s -n completions/%s"):format(shell, shell, file))
      assert.equal(0, status, out)
    end
  end)
end)
