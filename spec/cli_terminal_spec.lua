-- What a terminal gets from the command line: a real one, by script(1).
local core = require "awork.core"
local posix = require "awork.posix"
local help = require "client_help"

describe("a terminal under awork-contacts #process", function()
  local server, root, environment

  local function sh(command)
    local pipe = assert(io.popen(("exec 2>&1; export %s; D='%s'; %s"):format(environment, root, command)))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    return out, status
  end

  -- Runs a command on a terminal of its own; what it shows.
  local function tty(command, input)
    local before = input and ("{ sleep 1; printf '%s'; } |"):format(input) or ""
    return sh(("%s D=$D script -qec '%s' /dev/null%s"):format(before, command, input and "" or " </dev/null"))
  end

  local function write(name, text)
    local file = assert(io.open(root .. "/" .. name, "wb"))
    file:write(text)
    file:close()
  end

  local EVIL = "\27[2J\u{9B}31m\127\u{202E}gpj.exe\u{2066}\u{200F}\u{2028}"

  -- Nothing but text, line ends, and what we send ourselves: colours, and taking away the line of progress.
  local function assert_tame(out)
    out = out:gsub("\27%[%d*m", ""):gsub("\r\27%[K", ""):gsub("\r*\n", "\n"):gsub("\7", "")
    assert.equal(core.visible(out, "lines"), out)
  end

  setup(function()
    root = os.tmpname()
    os.remove(root)
    assert(posix.make_dirs(root))
    server = help.server { users = { { firstName = "Ada" .. EVIL, lastName = "A", contact_infos = {
      { type = "email", subType = "work", value = "ada@example.com" },
      { type = "custom", label = EVIL, value = EVIL } } } } }
    local lua = os.getenv "LUA_CPATH"
    environment = ("AWORK_BASE_URL=%s AWORK_TOKEN=sandbox-token HOME='%s' TERM=xterm%s"):format(server.url, root,
      lua and (" LUA_CPATH='%s'"):format(lua) or "")
    write("people.csv", "E-Mail;Telefon;" .. EVIL .. "\nada@example.com;+49 30 1;x\nnobody" .. EVIL .. "@x.de;" .. EVIL
      .. ";\n")
    write("plan.json", ([[{"format":"awork-plan","version":1,"undo":true,"options":{},"summary":{"keep":0,"in_scope":0,
"guarded":0,"out_of_scope":0,"seen":0,"entries":0,"matched":0},"changes":[{"op":"delete","owner":"user",
"owner_id":"11111111-1111-4111-8111-111111111111","id":"22222222-2222-4222-8222-222222222222","why":"absent",
"name":"EVIL","before":{"type":"phone","subType":"work","value":"EVIL"}}],"problems":[{"message":"EVIL","who":"EVIL"}],
"warnings":[{"property":"EVIL","message":"EVIL","name":"EVIL","source":{"file":"EVIL","row":1,"column":"EVIL"}}],
"skipped":[{"reason":"EVIL","owner_id":"EVIL"}]}]]):gsub("EVIL", (require "awork.json".codec(8).encode(EVIL)
      :sub(2, -2):gsub("%%", "%%%%"))))
    if select(2, sh "script -qec true /dev/null </dev/null") ~= 0 then
      pending "no pseudo-terminal can be had here"
    end
  end)

  teardown(function()
    server:stop()
    os.execute(("rm -rf '%s'"):format(root))
  end)

  it("is steered by no file, plan or server", function()
    write("evil\27[2Jname.csv", "E-Mail;Telefon\nx;y\n")
    for _, command in ipairs { "list", "find gpj --value x", "find ada@example.com", "check", "export -f csv", "export",
      "export -f vcard", "export -f tsv", "list --json", "validate $D/people.csv", "validate --json $D/people.csv",
      "plan $D/people.csv", "plan --json $D/people.csv", "apply $D/plan.json", "apply $D/plan.json --json --partial",
      "validate $D/evil*.csv",
      "list \"$(printf \"\\033[2J\")\"", "$(printf \"\\033[2J\")", "plan $D/people.csv -o -" } do
      local out, status = tty("bin/awork-contacts " .. command)
      assert(status == 0 or status == 1 or status == 2, out)
      assert(#out > 0)
      assert_tame(out)
    end
    assert.matches([[Ada\x1B[2J\u{9B}31m\x7F\u{202E}gpj.exe\u{2066}\u{200F}\u{2028} A]],
      tty "bin/awork-contacts list", 1, true)
    -- JSON says the same as it does to a program.
    local seen = tty "bin/awork-contacts list --json 2>/dev/null"
    local plain = sh "bin/awork-contacts list --json 2>/dev/null"
    assert.same(core.decode(plain), core.decode((seen:gsub("\r+\n", "\n"))))
  end)

  it("shows the plan before the question, wherever the results go", function()
    write("one.csv", "E-Mail;Telefon\nada@example.com;+49 30 77\n")
    for _, redirected in ipairs { ">/dev/null", "-q >/dev/null", "--json >/dev/null", "--json -q >/dev/null", "" } do
      local out, status = tty("bin/awork-contacts apply $D/one.csv " .. redirected, "n\\n")
      assert.equal(1, status, out)
      assert.matches("%+ phone/work +%+49 30 77.*Plan: 1 to add.*Apply this change%? %[y/N%]", out)
      assert.equal(1, select(2, out:gsub("Plan: 1 to add", "")))
    end
  end)
end)
