-- The examples run, each as a process of its own against a sandbox, with a bounded time; what they print is checked.
local sandbox = require "awork.sandbox"

local people = {
  { firstName = "Ada", contact_infos = { { type = "email", subType = "work", value = "ada.albrecht@example.com" } } },
  { firstName = "Bela", contact_infos = { { type = "email", subType = "work", value = "bela.bauer@example.com" } } },
  { firstName = "Carla", contact_infos = { { type = "email", subType = "work", value = "carla.conrad@example.com" } } },
}

-- The output (stderr too) and the exit status of a command.
local function run(command)
  local pipe = assert(io.popen(("%s 2>&1 </dev/null"):format(command)))
  local out = pipe:read "a"
  local _, _, status = pipe:close()
  return out, status
end

describe("examples #process", function()
  local server, environment

  -- With the sandbox in the environment, as a user has awork there.
  local function example(command)
    return run(("env %s timeout 60 %s"):format(environment, command))
  end

  setup(function()
    server = assert(sandbox.start { users = people })
    environment = ("AWORK_BASE_URL=%s AWORK_TOKEN=%s"):format(server.url, server.token)
  end)

  before_each(function()
    server:reset()
  end)

  teardown(function()
    server:stop()
  end)

  local function infos(user)
    return server.contact_infos(server.user_ids[user])
  end

  it("demo.lua shows what there is", function()
    local out, status = run "env -u AWORK_TOKEN timeout 60 lua5.4 examples/demo.lua"
    assert.equal(0, status, out)
    local patterns = { "created +email", 'did you mean "mobile"', "server %(400%)", "404 not%-found", "7654321" }
    for _, pattern in ipairs(patterns) do
      assert.matches(pattern, out)
    end
    assert.is_nil(out:find "table: 0x")
  end)

  it("create_one.lua creates one", function()
    local out, status = example "lua5.4 examples/create_one.lua phone work '+49 30 1234567'"
    assert.equal(0, status, out)
    assert.matches("^created %x+%-%x+%-%x+%-%x+%-%x+: phone work %+49 30 1234567\n$", out)
    assert.equal("+49 30 1234567", infos(1)[2].value)
  end)

  it("create_from_json.lua creates what lua-cjson has read", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    assert(file:write(([==[[{"user_id":"%s","info":{"type":"phone","subType":"work","value":"+49 30 7","label":null}},
      {"user_id":"%s","info":{"type":"phon","value":"1"}}]]==]):format(server.user_ids[1], server.user_ids[2])))
    file:close()
    local out, status = example("lua5.4 examples/create_from_json.lua " .. name)
    os.remove(name)
    assert.equal(1, status, out)
    assert.matches('^1\t{.*"value":"%+49 30 7".*\n2\t{.*"code":"validation%-failed"', out)
    assert.equal("+49 30 7", infos(1)[2].value)
  end)

  it("create_one.lua says what is wrong", function()
    local out, status = example "lua5.4 examples/create_one.lua phone mobil '+49 170 1234567'"
    assert.equal(1, status, out)
    assert.matches('subType: .*did you mean "mobile"%?', out)
    assert.equal(1, #infos(1))
    out, status = example "env -u AWORK_TOKEN lua5.4 examples/create_one.lua phone work '+49 30 1234567'"
    assert.equal(1, status, out)
    assert.matches("no token was given", out)
  end)

  it("validate_list.lua checks a file offline", function()
    local out, status = run "env -u AWORK_BASE_URL timeout 60 lua5.4 examples/validate_list.lua examples/people.csv"
    assert.equal(1, status, out)
    assert.matches("people.csv: row 4, column 'Land': wrong: .*\"Absurdistan\"", out)
    assert.matches("11 contact infos, 1 wrong, 0 doubtful\n$", out) -- "n/a" is no telephone number
    assert.equal(0, #server.requests())
  end)

  it("onboard_csv.lua creates what is missing, once", function()
    local out, status = example "lua5.4 examples/onboard_csv.lua examples/people.csv"
    assert.equal(1, status, out)
    assert.matches("row 4, column 'Straße': .*\"Absurdistan\"", out)
    assert.matches("row 5: no user of awork has the address dora.dietz@example.com\n", out)
    assert.matches("created 6, failed 2\n$", out)
    assert.same({ 4, 2, 3 }, { #infos(1), #infos(2), #infos(3) })
    out = example "lua5.4 examples/onboard_csv.lua examples/people.csv"
    assert.matches("created 0, failed 2\n$", out)
    assert.same({ 4, 2, 3 }, { #infos(1), #infos(2), #infos(3) })
  end)

  for _, loop in ipairs { "luv", "cqueues", "select" } do
    it(("loop_%s.lua creates 20 while its loop runs"):format(loop), function()
      local out, status = example(("lua5.4 examples/loop_%s.lua %s"):format(loop, server.user_ids[2]))
      assert.equal("created 20 contact infos while the loop ran: true\n", out)
      assert.equal(0, status)
      assert.equal(21, #infos(2))
    end)
  end

  describe("nightly/", function()
    local home

    setup(function()
      home = os.tmpname()
      os.remove(home)
      os.execute(("mkdir '%s' && head -n 3 examples/people.csv > '%s/export.csv'"):format(home, home))
    end)

    teardown(function()
      os.execute(("rm -r '%s'"):format(home))
    end)

    local function sync(more)
      return example(("env HOME=%s XDG_STATE_HOME= PATH=$PWD/bin:$PATH examples/nightly/awork-sync.sh %s/export.csv %s")
        :format(home, home, more or ""))
    end

    it("awork-sync.sh does what is to be done, and is quiet when nothing is", function()
      local out, status = sync "--default-country DE"
      assert.equal(0, status, out)
      assert.matches("Applied: 4 added.\nUndo journal: ", out)
      assert.same({ 4, 2, 1 }, { #infos(1), #infos(2), #infos(3) })
      out, status = sync "--default-country DE"
      assert.equal("", out)
      assert.equal(0, status)
    end)

    it("awork-sync.sh applies nothing that has problems", function()
      os.execute(("cp examples/people.csv '%s/export.csv'"):format(home))
      local out, status = sync()
      assert.equal(1, status)
      assert.matches("Absurdistan.*row 4, column 'Land'.*awork%-sync: nothing was applied\n$", out)
      assert.same({ 1, 1, 1 }, { #infos(1), #infos(2), #infos(3) })
    end)

    it("awork-sync.sh runs once at a time", function()
      local out, status = run(("env HOME=%s XDG_STATE_HOME= flock %s/.local/state/awork/sync.lock "
        .. "examples/nightly/awork-sync.sh %s/export.csv"):format(home, home, home))
      assert.equal(1, status)
      assert.equal("awork-sync: another one is running\n", out)
    end)

    it("has units that systemd understands, where there is systemd", function()
      local out, status = run(("command -v systemd-analyze >/dev/null || exit 0; cp examples/nightly/*.service "
        .. "examples/nightly/*.timer %s && sed -i s,/usr/local/bin/awork-sync.sh,/bin/true, %s/*.service && "
        .. "systemd-analyze verify %s/awork-sync.service %s/awork-sync.timer"):format(home, home, home, home))
      assert.equal(0, status, out)
      assert.is_nil(out:find("awork-sync", 1, true), out)
    end)
  end)

  describe("in C", function()
    local build = os.tmpname()
    os.remove(build)

    local function compile(name)
      local out, status = run(("cc -std=c11 -Wall -Wextra -Werror -o %s/%s examples/%s.c -Isrc build/libawork.a "
        .. "$(pkg-config --cflags --libs lua5.4 libcurl) -lm -pthread"):format(build, name, name))
      assert.equal(0, status, out)
    end

    setup(function()
      os.execute(("mkdir '%s'"):format(build))
      local out, status = run "env -u MAKEFLAGS make -s --no-print-directory build/libawork.a"
      assert.equal(0, status, out)
    end)

    teardown(function()
      os.execute(("rm -r '%s'"):format(build))
    end)

    -- A configuration of a user's, as a file.
    local function configuration(name, text)
      local path = ("%s/%s.lua"):format(build, name)
      local file = assert(io.open(path, "w"))
      assert(file:write(text))
      file:close()
      return path
    end

    it("loop_epoll.c creates 20 while its loop runs", function()
      compile "loop_epoll"
      local out, status = example(("%s/loop_epoll %s"):format(build, server.user_ids[3]))
      assert.equal("created 20 contact infos while the loop ran: true\n", out)
      assert.equal(0, status)
      assert.equal(21, #infos(3))
    end)

    it("embed.c sends what its users configured", function()
      compile "embed"
      local file = "examples/embed_config.lua"
      local out, status = example(("env AWORK_USER_ID=%s %s/embed %s %s"):format(server.user_ids[1], build, file, file))
      assert.equal(("%s: 3 good\n"):format(file):rep(2), out)
      assert.equal(0, status)
      assert.equal(7, #infos(1))
      out, status = run(("timeout 60 env -u AWORK_TOKEN %s/embed %s"):format(build, file))
      assert.equal(file .. ": 3 good\n", out)
      assert.equal(0, status)
    end)

    it("embed.c makes awork match what its users configured, and nothing is done twice", function()
      compile "embed"
      local file = "examples/embed_people.lua"
      local mistake = configuration("people", 'people = { { user = "nobody@example.com", contact_infos = {} } }')
      for _ = 1, 2 do
        local out, status = example(("%s/embed %s"):format(build, file))
        assert.equal(file .. ": 3 good\n", out)
        assert.equal(0, status)
        assert.same({ 3, 2, 1 }, { #infos(1), #infos(2), #infos(3) })
      end
      local out, status = example(("%s/embed %s"):format(build, mistake))
      assert.equal(1, status)
      assert.matches("people%[1%]: no user has the e%-mail address nobody@example.com", out)
    end)

    it("embed.c survives its users' mistakes", function()
      compile "embed"
      local cases = {
        { "forever", "while true do end", "the configuration runs too long" },
        { "memory", "x = 'x' while true do x = x .. x end", "not enough memory" },
        { "reach", "os.exit(0)", "attempt to index a nil value (global 'os')" },
        { "string", "x = ('x'):rep(1e9)", "attempt to index a string value" },
        { "syntax", "x = ", "unexpected symbol near <eof>" },
        { "wrong", "contact_infos = { { type = 'phone', value = 4930 } }", "'value' must be a string" },
      }
      local paths = {}
      for i, case in ipairs(cases) do paths[i] = configuration(case[1], case[2]) end
      local out, status = run(("timeout 60 %s/embed %s"):format(build, table.concat(paths, " ")))
      assert.equal(1, status, out)
      for i, case in ipairs(cases) do
        local at = assert(out:find(paths[i] .. ": 0 good\n", 1, true), out)
        assert(out:find(case[3], at, true), case[1] .. ": " .. out)
      end
    end)
  end)
end)
