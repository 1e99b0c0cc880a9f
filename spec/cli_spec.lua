-- The command line, inside this process: what each command prints and which exit code it has, with good and bad input.
local cjson = require "cjson"
local cli = require "awork.cli"
local core = require "awork.core"
local posix = require "awork.posix"
local help = require "client_help"
local parser = require "awork.cli.parser"
local progress = require "awork.cli.progress"

local TOKEN = "sandbox-token"

-- #process: it is Lua alone, and says nothing about memory; what it needs of C has specs in terminal_spec.lua.
describe("awork-contacts #process", function()
  local server, root

  local function path(name)
    return root .. "/" .. name
  end

  local function write(name, text)
    local file = assert(io.open(path(name), "wb"))
    assert(file:write(text))
    file:close()
    return path(name)
  end

  local function slurp(name)
    local file = assert(io.open(name, "rb"))
    local text = file:read "a"
    file:close()
    return text
  end

  -- Runs a command with a terminal of our own: { code =, out =, err = }.
  local function run(args, options)
    options = options or {}
    local out, err = {}, {}
    local function stream(into)
      return {
        write = function(_, ...)
          if options.broken and into == out then return nil, "Broken pipe", options.broken end
          for _, piece in ipairs { ... } do into[#into + 1] = piece end
          return true
        end,
        flush = function() return true end,
      }
    end
    local env = { AWORK_TOKEN = TOKEN, AWORK_BASE_URL = server.url, HOME = root, TERM = "xterm" }
    for name, value in pairs(options.env or {}) do env[name] = value or nil end
    for name, value in pairs(options.env or {}) do
      if value == false then env[name] = nil end
    end
    local now = 0
    local input = options.input
    local code = cli.main(args, {
      stdin = options.stdin or { read = function()
        local line = input
        input = nil
        return line
      end },
      stdout = stream(out), stderr = stream(err), isatty = function() return options.tty or false end,
      width = function() return 100 end, getenv = function(name) return env[name] end,
      now = function()
        now = now + 1
        return now
      end,
    })
    local result = { code = code, out = table.concat(out), err = table.concat(err) }
    -- Whatever happens, no token.
    assert.is_nil((result.out .. result.err):find(TOKEN, 1, true))
    return result
  end

  local function json(result)
    local ok, value = pcall(cjson.decode, result.out)
    assert(ok, result.out)
    return value
  end

  local function add(user, info)
    local client <close> = help.client(server)
    return assert(client.contact_infos:create(server.user_ids[user], info))
  end

  local function values(user)
    local list = {}
    for _, info in ipairs(server.contact_infos(server.user_ids[user])) do list[#list + 1] = info.value end
    table.sort(list)
    return list
  end

  setup(function()
    root = os.tmpname()
    os.remove(root)
    assert(posix.make_dirs(root))
    server = help.server {
      users = {
        { firstName = "Ada", lastName = "Albrecht", contact_infos = {
          { type = "email", subType = "work", value = "ada@example.com" } } },
        { firstName = "Bela", lastName = "Bauer", contact_infos = {
          { type = "email", subType = "work", value = "bela@example.com" },
          { type = "phone", subType = "work", value = "+49 40 1" } } },
      },
    }
    write("people.csv", "E-Mail;Telefon\nada@example.com;+49 30 123456\n")
    write("same.csv", "E-Mail\nada@example.com\n")
    write("bad.csv", "E-Mail;Mobil;Land\nada@example.com;4,93E+11;\nnobody@example.com;+49 170 1;\n")
  end)

  before_each(function()
    server:reset()
    os.remove(path "undo.jsonl")
    os.remove(path "plan.json")
  end)

  teardown(function()
    server:stop()
    os.execute(("rm -r '%s'"):format(root))
  end)

  describe("arguments", function()
    it("are explained", function()
      for command in pairs { check = 1, find = 1, list = 1, validate = 1, plan = 1, apply = 1, undo = 1, export = 1,
        types = 1, sandbox = 1, completion = 1 } do
        local result = run { command, "--help" }
        assert.equal(0, result.code)
        assert.matches("^Usage: awork%-contacts " .. command, result.out)
        assert.equal("", result.err)
      end
      assert.matches("Commands:.*Exit codes: 0", run({ "--help" }).out)
      assert.equal(("awork-contacts %s\n"):format(core.version.awork), run({ "--version" }).out)
    end)

    it("that are wrong are named, with exit code 1, and nothing is asked of awork", function()
      local cases = {
        { {}, "a command is required" },
        { { "chek" }, "Did you mean 'check'" },
        { { "plan" }, "missing argument 'file'" },
        { { "plan", "a", "b" }, "too many arguments" },
        { { "plan", path "people.csv", "--delete-limit", "some" }, "%-%-delete%-limit" },
        { { "plan", path "people.csv", "--only", "fone" }, '%-%-only: no type "fone"' },
        { { "plan", path "people.csv", "--default-country", "Germany" }, "%-%-default%-country: " },
        { { "plan", path "people.csv", "--touch", "everyone" }, "%-%-touch: one of external" },
        { { "plan", path "people.csv", "--from", "xls" }, "must be one of 'csv'" },
        { { "plan", path "people.csv", "--encoding", "klingon" }, "klingon" },
        { { "plan", path "people.csv", "--reserve", "1" }, "%-%-reserve: '1'" },
        { { "plan", path "people.csv", "--timeout", "0" }, "%-%-timeout: '0'" },
        { { "plan", path "absent.csv" }, "absent.csv: No such file" },
        { { "apply", path "people.csv", "--concurrency", "0" }, "%-%-concurrency: '0'" },
        { { "find" }, "what is to be found" },
        { { "find", "x", "--limit", "0" }, "%-%-limit: '0'" },
        { { "list", "ada" }, "neither an id nor an email address" },
        { { "list", "--only", "phone/car" }, '%-%-only: no subtype "car" of phone' },
        { { "export", "--bom" }, "%-%-bom is for csv" },
        { { "completion", "csh" }, "must be one of 'bash'" },
        { { "check", "--base-url", "http://api.example.com" }, "must be https" },
        { { "check", "--ca-file", path "absent.pem" }, "certificates can't be read" },
      }
      for _, case in ipairs(cases) do
        local result = run(case[1])
        assert.equal(1, result.code, table.concat(case[1], " "))
        assert.matches(case[2], result.err)
        assert.equal("", result.out)
      end
      assert.equal(0, #server.requests())
    end)

    it("that are wrong are an error in JSON, too", function()
      assert.equal("usage", json(run { "plan", "--json" }).error.code)
      assert.equal("usage", json(run { "find", "--json" }).error.code)
    end)

    it("are no place for a token", function()
      for _, args in ipairs { { "list", "--token", "secret-1234" }, { "--token=secret-1234", "list" } } do
        local result = run(args)
        assert.equal(1, result.code)
        assert.matches("a token is no argument", result.err)
        assert.is_nil(result.err:find("secret-1234", 1, true))
      end
    end)
  end)

  describe("the token", function()
    local private

    before_each(function()
      os.remove(path "token")
      assert(posix.write_file(path "token", TOKEN .. "\n"))
      private = { AWORK_TOKEN = false, AWORK_TOKEN_FILE = path "token" }
    end)

    it("comes from a private file", function()
      assert.equal(0, run({ "check" }, { env = private }).code)
      assert.equal(0, run({ "check", "--token-file", path "token" }, { env = { AWORK_TOKEN = "wrong-token" } }).code)
      assert(posix.make_dirs(path ".config/awork"))
      assert(posix.write_file(path ".config/awork/token", TOKEN))
      assert.equal(0, run({ "check" }, { env = { AWORK_TOKEN = false } }).code)
      os.remove(path ".config/awork/token")
    end)

    it("is refused from a file that others may read, and from one that is none", function()
      for _, mode in ipairs { "644", "640", "620", "606" } do
        os.execute(("chmod %s %s"):format(mode, path "token"))
        local result = run({ "check" }, { env = private })
        assert.equal(1, result.code)
        assert.matches("mode 0" .. mode .. "%): chmod 600 it", result.err)
      end
      private.AWORK_TOKEN_FILE = root
      assert.matches("Is a directory", run({ "check" }, { env = private }).err)
      private.AWORK_TOKEN_FILE = path "absent"
      assert.matches("absent: No such file", run({ "check" }, { env = private }).err)
      os.remove(path "token") -- one that is replaced keeps its mode
      assert(posix.write_file(path "token", " \n"))
      private.AWORK_TOKEN_FILE = path "token"
      assert.matches("is empty", run({ "check" }, { env = private }).err)
      assert(posix.write_file(path "token", ("x"):rep(20000)))
      assert.matches("File too large", run({ "check" }, { env = private }).err)
      assert.equal(0, #server.requests())
    end)

    it("is missed, and the places for it named", function()
      local result = run({ "check", "--json" }, { env = { AWORK_TOKEN = false } })
      assert.equal(1, result.code)
      assert.matches("there is no token; set AWORK_TOKEN.*%.config/awork/token", result.err)
      assert.equal("token-missing", json(result).error.code)
    end)

    it("that is not accepted is exit code 1", function()
      local result = run({ "check", "--json" }, { env = { AWORK_TOKEN = "another-token" } })
      assert.equal(1, result.code)
      assert.matches("^awork%-contacts: 401 ", result.err)
      assert.equal(401, json(result).error.status)
      assert.is_nil((result.out .. result.err):find("another-token", 1, true))
    end)
  end)

  it("check says what the token may do", function()
    local result = run { "check" }
    assert.equal(0, result.code)
    assert.matches("user       Ada Albrecht.*role       admin.*sees       2 users.*writes     all.*ok\n$", result.out)
    local value = json(run { "check", "--json" })
    assert.same({ true, "others", 2, "all", "all" }, { value.ok, value.sees, value.users, value.read, value.write })
    server.set { tokens = { { token = "a-reader-token", user = 1, rights = {} } } }
    result = run({ "check" }, { env = { AWORK_TOKEN = "a-reader-token" } })
    assert.equal(1, result.code)
    assert.matches("warning: only your own contact infos can be read", result.err)
  end)

  it("find finds by what it is given", function()
    add(1, { type = "phone", subType = "mobile", value = "+49 170 55" })
    local cases = {
      { { "ada@EXAMPLE.com" }, 1 }, { { "0170/55", "--default-country", "DE" }, 1 },
      { { "--phone", "0049 170 55" }, 1 },
      { { "--type", "email" }, 2 }, { { "--type", "email", "--limit", "1" }, 1 }, { { "--subtype", "mobile" }, 1 },
      { { "--value", "+49 40 1" }, 1 }, { { "nobody@example.com" }, 0 },
    }
    for _, case in ipairs(cases) do
      local args = { "find", "--json", table.unpack(case[1]) }
      local result = run(args)
      assert.equal(0, result.code, result.err)
      assert.equal(case[2], #json(result), table.concat(args, " "))
    end
    assert.equal("Ada Albrecht              phone/mobile      +49 170 55\n", run({ "find", "+49 170 55" }).out)
    assert.equal("nobody found\n", run({ "find", "x@example.com" }).err)
    assert.equal("", run({ "find", "x@example.com", "-q" }).err)
    server:fault { kind = "status", status = 500, times = math.huge }
    local result = run { "find", "ada@example.com", "--json" }
    assert.equal(1, result.code)
    assert.equal(500, json(result).error.status)
  end)

  it("list lists everyone's, or one's", function()
    assert.equal("Ada Albrecht              email/work        ada@example.com\n"
      .. "Bela Bauer                email/work        bela@example.com\n"
      .. "Bela Bauer                phone/work        +49 40 1\n", run({ "list" }).out)
    assert.equal(1, #json(run { "list", "--json", "--only", "phone,address/home" }))
    assert.equal(2, #json(run { "list", "bela@example.com", "--json" }))
    local one = json(run { "list", server.user_ids[1], "--json" })
    assert.same({ "Ada Albrecht", "ada@example.com" }, { one[1].user.name, one[1].contact_info.value })
    assert.equal(0, run({ "list", "--companies" }).code)
    local result = run { "list", "nobody@example.com" }
    assert.equal(1, result.code)
    assert.matches("nobody has the address", result.err)
    result = run { "list", help.nobody }
    assert.equal(1, result.code)
    assert.matches("404 not%-found", result.err)
  end)

  it("list shows no control characters of anybody's", function()
    add(1, { type = "messenger", subType = "other", value = "a\27[2Jb" })
    assert.is_nil(run({ "list" }).out:find("\27", 1, true))
  end)

  describe("validate", function()
    it("names row and column", function()
      local result = run { "validate", "examples/people.csv" }
      assert.equal(1, result.code)
      assert.matches("examples/people.csv: row 4, column 'Land': wrong: .*Absurdistan", result.out)
      assert.matches("4 people, 11 contact infos: 1 wrong, 1 doubtful\n$", result.out)
      local value = json(run { "validate", "examples/people.csv", "--json" })
      assert.same({ 4, 11, 1, 1 }, { value.people, value.contact_infos, value.wrong, value.doubtful })
      assert.same({ 4, "Land", "wrong", "country" },
        { value.findings[1].row, value.findings[1].column, value.findings[1].severity, value.findings[1].property })
      assert.equal(0, #server.requests())
    end)

    it("is content with what is right, and with what is doubtful unless it is strict", function()
      assert.equal("1 people, 2 contact infos: 0 wrong, 0 doubtful\n", run({ "validate", path "people.csv" }).out)
      local doubtful = write("doubtful.csv", "E-Mail;Telefon\nada@example.com;n/a\n")
      assert.equal(0, run({ "validate", doubtful }).code)
      assert.equal(1, run({ "validate", doubtful, "--strict" }).code)
    end)

    it("gives advice that there is on the command line", function()
      local file = write("whose.csv", "E-Mail privat;Weitere E-Mail;Durchwahl\na@example.com;b@example.com;1234567\n")
      local result = run { "validate", file }
      assert.equal(1, result.code)
      assert.matches("who is this? Name the column with --user", result.out, 1, true)
      result = run { "validate", file, "--user", "E-Mail privat", "--column", "Durchwahl=phone:work" }
      assert.same({ 0, "1 people, 3 contact infos: 0 wrong, 0 doubtful\n", "" }, { result.code, result.out,
        result.err })
      result = run { "validate", write("none.csv", "Durchwahl;Haus\n1;2\n") }
      assert.matches("as in --column 'Durchwahl=phone:work'", result.out, 1, true)
      result = run { "validate", file, "--column", "Durchwahl=phon:work" }
      assert.same({ 1, true }, { result.code, result.err:find("--column 'Durchwahl'", 1, true) ~= nil })
      result = run { "validate", file, "--column", "Durchwahl" }
      assert.same({ 1, true }, { result.code, result.err:find("--column: ", 1, true) ~= nil })
    end)

    it("tells of rows that can't be read, of encodings, of columns", function()
      local result = run { "validate", path "bad.csv" }
      assert.equal(1, result.code)
      assert.matches("bad.csv: row 2, column 'Mobil': ", result.out)
      local latin = write("latin.csv", "Name;E-Mail;Ort\nJ\xFCrgen;ada@example.com;K\xF6ln\n")
      result = run { "validate", latin }
      assert.equal(1, result.code)
      assert.matches("row 2, column 'Name': wrong: not valid utf%-8: .*%-%-encoding windows%-1252", result.out)
      assert.equal(0, run({ "validate", latin, "--encoding", "latin1" }).code)
      result = run { "validate", write("odd.csv", "E-Mail;Haustier\nada@example.com;Katze\n") }
      assert.equal(0, result.code)
      assert.matches("warning: .*column 'Haustier'", result.err)
    end)

    it("reads standard input", function()
      local file = assert(io.open(path "people.csv"))
      local result = run({ "validate", "-" }, { stdin = file })
      file:close()
      assert.equal(0, result.code, result.err)
    end)
  end)

  describe("plan", function()
    it("has exit code 2 for changes, 0 for none, 1 for problems", function()
      local result = run { "plan", path "people.csv" }
      assert.equal(2, result.code, result.err)
      assert.matches("%+ phone/work +%+49 30 123456\n.*Plan: 1 to add", result.out)
      assert.equal(0, run({ "plan", path "same.csv" }).code)
      result = run { "plan", path "bad.csv" }
      assert.equal(1, result.code)
      assert.matches("no user has the e%-mail address nobody@example.com +%(.*bad.csv, row 3", result.out)
      assert.matches("unless %-%-partial asks for it", result.out)
      assert.same({ "ada@example.com" }, values(1))
    end)

    it("speaks of cards and items where there are no rows", function()
      write("cards.vcf", "BEGIN:VCARD\nVERSION:3.0\nEMAIL;TYPE=WORK:ada@example.com\nTEL:1\nEND:VCARD\n"
        .. "BEGIN:VCARD\nVERSION:3.0\nTEL:+49 30 1\nEND:VCARD\n")
      local result = run { "plan", path "cards.vcf" }
      assert.matches("cards.vcf, card 1)", result.out, 1, true)
      assert.matches("cards.vcf, card 1, TEL (line 4))", result.out, 1, true)
      assert.matches("with --user  (" .. path "cards.vcf" .. ", card 2)", result.out, 1, true)
      assert.is_nil(result.out:find("row", 1, true))
      write("items.json", '[{"user":"ada@example.com","contact_infos":[{"type":"phone","subType":"work","value":"1"}]},'
        .. "7]")
      result = run { "plan", path "items.json" }
      assert.matches("items.json, item 1)", result.out, 1, true)
      assert.matches("items.json, item 2)", result.out, 1, true)
      assert.is_nil(result.out:find("row", 1, true))
    end)

    it("is JSON, and a file", function()
      local result = run { "plan", path "people.csv", "--json", "-o", path "plan.json" }
      assert.equal(2, result.code)
      assert.equal("awork-plan", json(result).format)
      assert.equal(result.out, slurp(path "plan.json"))
      local pipe = assert(io.popen(("stat -c %%a '%s'"):format(path "plan.json")))
      assert.equal("600", pipe:read "l")
      pipe:close()
      result = run { "plan", path "people.csv", "-o", path "absent/plan.json" }
      assert.equal(1, result.code)
      assert.matches("absent/plan.json", result.err)
    end)

    it("prunes in a scope, up to a limit", function()
      local file = write("bela.csv", "E-Mail\nbela@example.com\n")
      assert.equal(0, run({ "plan", file, "--prune", "--only", "urls" }).code)
      assert.equal(2, run({ "plan", file, "--prune", "--only", "phone" }).code)
      local result = run { "plan", file, "--prune", "--delete-limit", "0" }
      assert.equal(1, result.code)
      assert.matches("give %-%-delete%-limit 1", result.out)
      assert.equal(2, run({ "plan", file, "--prune", "--delete-limit", "none" }).code)
    end)

    it("of half a file is none", function()
      local cut = write("cut.json", '[{"user":"ada@example.com","contact_infos":[]},{"user":')
      local result = run { "plan", cut, "--prune" }
      assert.equal(1, result.code)
      assert.equal("", result.out)
      assert.equal(0, #server.requests())
    end)

    it("that can't be made is exit code 1", function()
      server:fault { kind = "status", status = 503, times = math.huge }
      local result = run { "plan", path "people.csv" }
      assert.equal(1, result.code)
      assert.matches("503", result.err)
    end)
  end)

  describe("apply", function()
    local function apply(args, options)
      return run({ "apply", "--journal", path "undo.jsonl", table.unpack(args) }, options)
    end

    it("asks on a terminal", function()
      local result = apply({ path "people.csv" }, { tty = true, input = "n" })
      assert.equal(1, result.code)
      assert.matches("Apply this change%? %[y/N%] ", result.err)
      assert.same({ "ada@example.com" }, values(1))
      assert.equal(1, apply({ path "people.csv" }, { tty = true }).code)
      result = apply({ path "people.csv" }, { tty = true, input = "yes" })
      assert.equal(0, result.code, result.err)
      assert.matches("Applied: 1 added", result.out)
      assert.same({ "+49 30 123456", "ada@example.com" }, values(1))
    end)

    it("does nothing where nobody can be asked, unless told --yes", function()
      local result = apply { path "people.csv" }
      assert.equal(1, result.code)
      assert.matches("no terminal to ask on; %-%-yes", result.err)
      assert.same({ "ada@example.com" }, values(1))
      assert.equal(0, apply({ path "people.csv", "--yes" }).code)
      assert.equal(0, run({ "plan", path "people.csv" }).code)
      -- Nothing to do is nothing to ask.
      result = apply { path "people.csv" }
      assert.equal(0, result.code)
      assert.matches("Nothing to do", result.out)
    end)

    it("deletes nothing while a column is not understood, and says which option ignores it", function()
      assert.equal(0, apply({ path "people.csv", "--yes" }).code)
      write("typo.csv", "E-Mail,Tele fom\nada@example.com,+49 30 123456\n")
      for _, command in ipairs { "plan", "apply" } do
        local result = run({ command, path "typo.csv", "--prune" })
        assert.equal(1, result.code)
        assert.matches("--ignore-column 'Tele fom'", result.out, 1, true)
        assert.is_nil(result.out:find("- phone", 1, true))
      end
      local result = run { "plan", path "typo.csv", "--prune", "--ignore-column", "tele fom" }
      assert.equal(2, result.code)
      assert.matches(" 1 to delete", result.out, 1, true)
      assert.equal("", result.err)
      assert.equal(0, run({ "validate", path "typo.csv", "--ignore-column=Tele fom" }).code)
    end)

    it("does what a saved plan says", function()
      assert.equal(2, run({ "plan", path "people.csv", "-o", path "plan.json" }).code)
      local result = apply { path "plan.json", "--prune" }
      assert.equal(1, result.code)
      assert.matches("%-%-prune is for making a plan", result.err)
      result = apply { path "plan.json", "--yes", "--json" }
      assert.equal(0, result.code)
      local report = json(result)
      assert.same({ "done", 1, 1, false, path "undo.jsonl" },
        { report.state, report.counts.create, #report.results, report.cancelled, report.journal })
      assert.equal("+49 30 123456", report.results[1].form.value)
      write("broken.json", '{\n"format":"awork-plan",\n"version":2,"changes":7}')
      result = apply { path "broken.json", "--yes" }
      assert.equal(1, result.code)
      assert.matches("invalid%-plan", result.err)
    end)

    it("is not 0 when something is stale", function()
      local file = write("update.json", ('[{"user":"%s","contact_infos":[{"id":"%s","type":"phone","subType":"home",'
        .. '"value":"+49 40 1"}]}]'):format(server.user_ids[2], server.contact_infos(server.user_ids[2])[2].id))
      assert.equal(2, run({ "plan", file, "-o", path "plan.json" }).code)
      local client <close> = help.client(server)
      assert(client.contact_infos:patch(server.user_ids[2], server.contact_infos(server.user_ids[2])[2].id,
        { value = "+49 40 2" }))
      local result = apply { path "plan.json", "--yes", "--json" }
      assert.equal(1, result.code)
      assert.equal(1, json(result).counts.stale)
    end)

    it("is not 0 when something failed", function()
      server:fault { kind = "status", status = 400, code = "invalid-operation", method = "POST", times = math.huge }
      local result = apply { path "people.csv", "--yes" }
      assert.equal(1, result.code)
      assert.matches("failed.*invalid%-operation.*Applied: 1 failed", result.out)
    end)

    it("is not 0 with rows that could not be read, and applies the rest when told", function()
      local result = apply { path "bad.csv", "--yes" }
      assert.equal(1, result.code)
      assert.matches("%-%-partial applies the rest", result.err)
      assert.same({ "ada@example.com" }, values(1))
      result = apply { write("some.csv", "E-Mail;Telefon\nnobody@example.com;1\nada@example.com;+49 30 5\n"), "--yes",
        "--partial" }
      assert.equal(1, result.code)
      assert.matches("the rest can be applied.*Applied: 1 added", result.out)
      assert.same({ "+49 30 5", "ada@example.com" }, values(1))
    end)

    it("refuses a journal that is there, and what is beyond the limit", function()
      write("undo.jsonl", "")
      local result = apply { path "people.csv", "--yes" }
      assert.equal(1, result.code)
      assert.matches("undo.jsonl: File exists", result.out)
      result = apply { write("bela.csv", "E-Mail\nbela@example.com\n"), "--yes", "--prune", "--delete-limit", "0" }
      assert.equal(1, result.code)
      assert.matches("give %-%-delete%-limit 1", result.err)
      assert.same({ "+49 40 1", "bela@example.com" }, values(2))
    end)

    it("tells what it did even if nobody reads the results", function()
      local result = apply({ path "people.csv", "--yes", "--json" }, { broken = 32 })
      assert.equal(141, result.code)
      assert.matches("Applied: 1 added%.\nUndo journal: ", result.err)
    end)

    it("gets there though connections break", function()
      server:fault { kind = "reset_after", method = "POST" }
      server:fault { kind = "status", status = 503 }
      assert.equal(0, apply({ path "people.csv", "--yes" }).code)
      assert.same({ "+49 30 123456", "ada@example.com" }, values(1))
    end)
  end)

  it("undo puts back, after asking, and only shows with --dry-run", function()
    assert.equal(0, run({ "apply", path "people.csv", "--yes", "--journal", path "undo.jsonl" }).code)
    assert.equal(2, run({ "undo", path "undo.jsonl", "--dry-run" }, { env = { AWORK_TOKEN = false } }).code)
    assert.equal(1, run({ "undo", path "undo.jsonl" }).code)
    assert.equal(2, #values(1))
    local result = run { "undo", path "undo.jsonl", "--yes", "--json", "--journal", path "undo2.jsonl" }
    assert.equal(0, result.code)
    assert.equal(1, json(result).counts.delete)
    assert.same({ "ada@example.com" }, values(1))
    os.remove(path "undo2.jsonl")
    result = run { "undo", path "absent.jsonl" }
    assert.equal(1, result.code)
    assert.matches("absent.jsonl: No such file", result.err)
    assert.matches("no undo journal", run({ "undo", write("not.jsonl", "{}\n") }).err)
  end)

  describe("export", function()
    it("writes every format, which plans to nothing", function()
      for _, name in ipairs { "csv", "tsv", "vcf", "json", "jsonl", "scim.json" } do
        local file = path("export." .. name)
        os.remove(file)
        local result = run { "export", "-o", file }
        assert.equal(0, result.code, result.err)
        assert.matches("exported 2 users", result.err)
        result = run { "plan", file, "--prune" }
        assert.equal(0, result.code, name .. ": " .. result.out .. result.err)
      end
    end)

    it("goes to standard output, in a scope", function()
      assert.matches("^%[\n{\"user\":", run({ "export" }).out)
      assert.matches("^BEGIN:VCARD\r\n", run({ "export", "--format", "vcard" }).out)
      assert.equal("user,firstName,lastName,phone:work\r\n",
        run({ "export", "--format", "csv", "--only", "phone" }).out:match "^[^\n]*\n")
      assert.equal("\xEF\xBB\xBF", run({ "export", "--format", "csv", "--bom" }).out:sub(1, 3))
    end)

    it("is whole, or not there", function()
      local file = path "failed.json"
      server:fault { kind = "status", status = 500, times = math.huge }
      local result = run { "export", "-o", file }
      assert.equal(1, result.code)
      assert.is_nil(io.open(file))
      assert.is_nil(io.open(file .. ".part"))
      result = run { "export", "-o", path "absent/x.csv" }
      assert.equal(1, result.code)
      assert.matches("absent/x.csv", result.err)
    end)
  end)

  it("types lists them", function()
    assert.matches("phone      work | mobile | home | work Fax | fax | other\n", run({ "types" }).out)
    assert.matches("url        primary | other\n", run({ "types", "--companies" }).out)
    local list = json(run { "types", "--json" })
    assert.equal("phone", list[1].type)
    assert.equal("mobile", list[1].subtypes[2])
  end)

  describe("the terminal", function()
    it("has colours, unless it does not want any", function()
      local file = path "people.csv"
      assert.matches("\27%[32m  %+ phone", run({ "plan", file }, { tty = true }).out)
      for _, options in ipairs { {}, { tty = true, env = { NO_COLOR = "1" } },
        { tty = true, env = { TERM = "dumb" } } } do
        assert.is_nil(run({ "plan", file }, options).out:find "\27")
      end
      assert.is_nil(run({ "plan", file, "--no-color" }, { tty = true }).out:find "\27")
      assert.matches("\27%[", run({ "plan", file }, { tty = true, env = { NO_COLOR = "" } }).out)
    end)

    it("has a bar, unless it is to be quiet", function()
      local args = { "apply", path "people.csv", "--yes", "--journal", path "undo.jsonl" }
      assert.matches("\r\27%[KApplying %[=+%] 1/1", run(args, { tty = true }).err)
      os.remove(path "undo.jsonl")
      server:reset()
      args[#args + 1] = "--quiet"
      assert.equal("", run(args, { tty = true }).err)
    end)

    it("that is gone is no traceback", function()
      for _, args in ipairs { { "list" }, { "export" }, { "plan", path "people.csv" }, { "types" }, { "--help" } } do
        local result = run(args, { broken = 32 })
        assert.equal(141, result.code)
        assert.equal("", result.err)
      end
      local result = run({ "types" }, { broken = 28 })
      assert.equal(1, result.code)
      assert.matches("standard output: Broken pipe", result.err)
    end)
  end)

  it("tells a sandbox that is not installed from one that can't be loaded", function()
    require "awork.cli.sandbox"
    local loaded, searchers = package.loaded["awork.sandbox"], package.searchers
    finally(function()
      package.loaded["awork.sandbox"], package.searchers = loaded, searchers
    end)
    package.loaded["awork.sandbox"], package.searchers = nil, { function() return "" end }
    assert.matches("the sandbox is not installed; it is a rock of its own", run({ "sandbox" }).err)
    package.searchers = { function() return function() error("not enough memory", 0) end end }
    local result = run { "sandbox" }
    assert.equal(1, result.code)
    assert.equal("awork-contacts: not enough memory\n", result.err)
  end)

  it("says an internal error on one line, and where with AWORK_DEBUG", function()
    local read = require "awork.cli.read"
    local list = read.list
    finally(function() read.list = list end)
    read.list = function() error "unforeseen" end
    local result = run { "list" }
    assert.equal(1, result.code)
    assert.matches("^awork%-contacts: internal error: [^\n]*unforeseen\n$", result.err)
    result = run({ "list" }, { env = { AWORK_DEBUG = "1" } })
    assert.matches("unforeseen\nstack traceback:", result.err)
  end)

  it("draws a bar of any width", function()
    assert.equal("Applying [" .. ("="):rep(10) .. ">" .. (" "):rep(29) .. "] 25/100  50/s  0:02 left",
      progress.line("Applying", 25, 100, 0.5, 100))
    assert.equal("Applying [" .. ("="):rep(40) .. "] 100/100  2.0/s", progress.line("Applying", 100, 100, 50, 100))
    assert.matches("1:01:40 left$", progress.line("Applying", 1, 3701, 1, 100))
    for width = 0, 120 do
      assert(#progress.line("Applying", 7, 900, 3, width) <= width)
    end
    assert.matches("0/0$", progress.line("Applying", 0, 0, 0, 100))
  end)

  it("has completions that are current: make completions", function()
    local files = { bash = "awork-contacts.bash", zsh = "_awork-contacts", fish = "awork-contacts.fish" }
    for shell, name in pairs(files) do
      assert(parser.completion(shell) == slurp("completions/" .. name), name .. ": run `make completions`")
      assert.equal(parser.completion(shell), run({ "completion", shell }).out)
    end
  end)

  it("has a manual page and a document that name every command and option", function()
    local man = slurp "man/awork-contacts.1":gsub("\\%-", "-"):gsub("\\f%u", "")
    local doc = slurp "docs/command-line.md"
    local made = parser.new(function() end)
    local function has(text, what, where)
      assert(text:find("%f[%w-]" .. what:gsub("%p", "%%%0") .. "%f[^%w-]"), ("%s: %s is missing"):format(where, what))
    end
    local count = 0
    local function options(element)
      for _, option in ipairs(element._options) do
        for _, alias in ipairs(option._aliases) do
          count = count + 1
          has(man, alias, "man")
        end
      end
    end
    options(made)
    for _, command in ipairs(made._commands) do
      has(man, command._name, "man")
      assert(doc:find("| `" .. command._name, 1, true), command._name .. " is not in docs/command-line.md")
      options(command)
    end
    assert(count > 50)
    for option in man:gmatch "%f[%w-]%-%-[%w-]+" do
      assert(parser.completion "bash":find(option, 1, true), option .. " is in the manual page alone")
    end
  end)
end)
