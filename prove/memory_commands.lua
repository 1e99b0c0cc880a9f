--- The command line's share of memory.lua: every allocation of a command fails.
--
-- A command ends with its exit code and its whole output, or with 1 and a message that says what was wrong. What it
-- writes is whole or not there: plans, exports, the undo journal, with which what an apply did can be put back.
local entries, interrupt = entries, interrupt -- luacheck: globals entries interrupt

local LUA, CURL, SYSTEM = 1, 2, 4
-- Seconds: while memory fails, and with memory back.
local TIMEOUT, PATIENCE = 0.5, 10

local CSV = "E-Mail;Telefon\nada@example.com;+49 30 123456\nbela@example.com;+49 40 7\n"
local BAD = "E-Mail;Mobil;Land\nada@example.com;4,93E+11;\nnobody@example.com;+49 170 1;\n"
local VCARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Anna Berg\r\nEMAIL;TYPE=WORK:anna@example.org\r\nEND:VCARD\r\n"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

local function slurp(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

-- A stream whose text is had without memory of Lua's while a command runs.
local function capture()
  local file = assert(io.tmpfile())
  local stream = {
    write = function(_, ...)
      local ok, message, code = file:write(...)
      return ok and true, message, code
    end,
    flush = function() return true end,
  }
  return stream, function() file:seek("set", 0) end, function()
    local size = file:seek "cur"
    file:seek("set", 0)
    return file:read(size) or ""
  end
end

-- Is this how a command may end? `out` is what it prints when nothing fails.
local function judge(c, code, out, said)
  if code == c.code and (out == c.out or c.any_output) then
    return nil
  elseif code == c.code and c.code ~= 1 then
    return ("exit code %d, and this output: %q"):format(code, out)
  elseif code ~= 1 then
    return ("exit code %s: %s"):format(code, said)
  elseif (said .. out):gsub("memory[%w_]*%.lua", ""):lower():find "memory" then
    return nil
  elseif not c.net then
    return "exit code 1 without a word of memory: " .. said .. out
  elseif said:find "internal error" then
    return said
  elseif said == "" and not out:find "failed" and not out:find "Applied: " then
    return "exit code 1 without a message: " .. out
  end
  return nil
end

--- Adds the cases.
-- @param case as in memory.lua
-- @param scratch function that makes a directory and returns its name
return function(case, scratch)
  -- name, arguments as one text ($dir is a directory of the case's own); more: code = the exit code (0), net = talks
  -- to the sandbox, before = fn(dir, ...) before each run, after = fn(dir, code) what is wrong with what is left
  local function command(name, args, more)
    local c = more or {}
    c.code = c.code or 0
    c.sources = { LUA, CURL, SYSTEM, LUA + CURL + SYSTEM }
    case("awork-contacts " .. name, "command", function(awork, world)
      local terminal = require "awork.cli.terminal"
      local cli = require "awork.cli"
      local dir = scratch()
      local list = {}
      for word in args:gmatch "%S+" do
        list[#list + 1] = (word:gsub("$(%w+)", { dir = dir, user = world.user_ids[7] }))
      end
      local stdout, rewind_out, written = capture()
      local stderr, rewind_err, said = capture()
      local env = { AWORK_TOKEN = world.token, AWORK_BASE_URL = world.url, HOME = dir }
      -- Arguments are taken apart by every command in the same way: it is swept once.
      local parser = require "awork.cli.parser"
      local timeout
      if not c.parses then
        local parsed = assert(parser.parse(list))
        function parser.parse() -- luacheck: ignore
          local opts = { timeout = timeout }
          for key, value in pairs(parsed) do opts[key] = value end
          return opts
        end
      end
      local system = terminal.system
      system.stdout, system.stderr = stdout, stderr
      system.isatty = function() return false end
      system.getenv = function(key) return env[key] end
      -- No time is spent on backoff; the rate limit is not the sandbox's.
      local client_of = awork.client
      function awork.client(options) -- luacheck: ignore
        options.random, options.rate = function() return 0 end, false
        return client_of(options)
      end
      local running
      if c.interrupted then
        function stdout.flush()
          if not running then
            running = true
            interrupt()
          end
          return true
        end
      end
      for file, text in pairs { ["people.csv"] = CSV, ["bad.csv"] = BAD, ["people.vcf"] = VCARD,
        ["people.json"] = ('[{"user":"%s","contact_infos":[{"type":"phone","subType":"work","value":"+49 30 555"},'
          .. '{"type":"urls","subType":"work","value":"https://example.org"}]}]'):format(world.user_ids[6]) } do
        write(dir .. "/" .. file, text)
      end
      local healthy = c.net and assert(client_of { token = world.token, base_url = world.url, rate = false })
      local clean, done
      if c.clean then clean, done = c.clean(dir, healthy, world, awork) end
      local expected = entries(dir)

      local code
      local function fn()
        code = cli.main(list)
        return code == c.code
      end
      local function before(failing)
        timeout = c.net and (failing and TIMEOUT or PATIENCE) or nil
        rewind_out()
        rewind_err()
        code, running = nil, false
      end
      local function inspect(returned, failing)
        local out, err = written(), said()
        local wrong
        if returned and failing then
          wrong = judge(c, code, out, err)
        elseif returned then
          c.out = c.out or out
          local right = code == c.code and (out == c.out or c.any_output)
          wrong = not right and ("exit code %s: %s%s"):format(code, err, out) or nil
        end
        local left = clean and clean(returned and code)
        if not wrong and not left and entries(dir) ~= expected then
          left = "there are now: " .. entries(dir)
        end
        return wrong or left
      end
      return fn, function()
        if done then done() end
        if healthy then healthy:close() end
        os.execute("rm -r '" .. dir .. "'")
      end, before, inspect
    end, c)
  end

  command("--help", "--help", { parses = true })
  command("--version", "--version", { parses = true })
  command("of an unknown option", "list --nonsense", { parses = true, code = 1 })
  command("types", "types --companies --json", { parses = true })
  command("validate", "validate $dir/people.csv")
  command("validate --json", "validate --json $dir/people.vcf")
  command("validate, refused", "validate $dir/bad.csv", { code = 1 })

  local function net(name, args, more)
    more = more or {}
    more.net = true
    command(name, args, more)
  end
  net("check", "check", { any_output = true })
  net("find", "find --type phone --limit 2 nobody")
  net("list", "--json list $user")

  -- A file that a command makes: the whole one, the same each time, or none.
  local function whole(name)
    return function(dir)
      local path, reference = dir .. "/" .. name, nil
      return function(code)
        local text = slurp(path)
        os.remove(path)
        if text and not reference and code == 0 then reference = text:gsub("%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z", "") end
        if text and text:gsub("%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z", "") ~= reference then
          return ("%s holds %d bytes: %q"):format(name, #text, text:sub(1, 200))
        elseif (code == 0 or code == 2) and not text then
          return name .. " is not there"
        end
      end
    end
  end
  net("export", "export -o $dir/export.json", { clean = whole "export.json" })
  net("plan -o", "plan -o $dir/plan.json $dir/people.json", { code = 2, clean = function(dir, _, _, awork)
    local path, reference = dir .. "/plan.json", nil
    return function(code)
      local text = slurp(path)
      os.remove(path)
      local plan, err
      if text then plan, err = awork.load_plan(text) end
      local summary = plan and plan:to_text()
      reference = reference or summary
      if text and summary ~= reference then
        return ("the plan holds %d bytes: %s"):format(#text, err or summary)
      elseif code == 2 and not text then
        return "there is no plan"
      end
    end
  end })

  -- The contact infos of the one whom people.json names, as one text.
  local function values(client, world)
    local list = {}
    for i, info in ipairs(assert(client.contact_infos:list(world.user_ids[6]))) do list[i] = info.value or "" end
    table.sort(list)
    return table.concat(list, " ")
  end
  -- Puts back with the journal what an apply did. Without one nothing was done.
  local function put_back(dir, client, world, awork)
    local path, before = dir .. "/undo.jsonl", values(client, world)
    return function(code)
      local wrong
      local journal = slurp(path)
      if journal then
        local plan, err = awork.undo_plan(path)
        if plan then
          local report
          report, err = client:apply(plan, { journal = false })
          err = err or report.state == "incomplete" and report:to_text()
        end
        if err then wrong = ("with the journal %q: %s"):format(journal, err) end
        os.remove(path)
      elseif code == 0 then
        wrong = "there is no journal"
      end
      local now = values(client, world)
      if now ~= before then
        wrong = wrong or ("there was %q, there is %q, the journal %q"):format(before, now, journal or "is missing")
        for _, info in ipairs(assert(client.contact_infos:list(world.user_ids[6]))) do
          client.contact_infos:delete(world.user_ids[6], info.id)
        end
      end
      return wrong
    end
  end
  net("apply", "apply --yes --journal $dir/undo.jsonl $dir/people.json", { clean = put_back })
  -- Undone is what an apply did; undoing it again, with the same journal, finishes what was left.
  local function applied(dir, client, world, awork)
    local reader = require "awork.format".read(dir .. "/people.json")
    local people = {}
    for person in reader do people[#people + 1] = person end
    local path, before = dir .. "/undo.jsonl", values(client, world)
    local function again()
      assert(client:apply(assert(client:plan(people)), { journal = path }))
    end
    local function back()
      return client:apply(assert(awork.undo_plan(path)), { journal = false })
    end
    again()
    return function()
      os.remove(dir .. "/undo-undo.jsonl")
      local report, err = back()
      local wrong = not report and tostring(err) or report.state == "incomplete" and report:to_text() or nil
      if not wrong and values(client, world) ~= before then wrong = "there is now " .. values(client, world) end
      os.remove(path)
      again()
      return wrong
    end, back
  end
  net("undo", "undo --yes --journal $dir/undo-undo.jsonl $dir/undo.jsonl", { any_output = true, clean = applied })
  net("sandbox", "sandbox --port 0 --users 1", { any_output = true, interrupted = true })

  -- The program itself, to its os.exit; the command's modules are loaded anew each time.
  case("bin/awork-contacts", "command", function()
    local path, program = package.path, assert(loadfile "bin/awork-contacts")
    local stdout, rewind_out, written = capture()
    local stderr, rewind_err, said = capture()
    io.stdout, io.stderr = stdout, stderr -- luacheck: ignore
    local code
    os.exit = function(status) -- luacheck: ignore
      code = status
      error(os, 0)
    end
    arg = { [0] = "bin/awork-contacts", "types" } -- luacheck: ignore
    local c = { code = 0 }
    return function()
      local ok, cause = pcall(program)
      if not ok and cause ~= os then error(cause, 0) end
      return code == 0
    end, function() end, function()
      package.loaded["awork.cli"], package.loaded["awork.cli.offline"] = nil, nil
      package.path, code = path, nil
      rewind_out()
      rewind_err()
    end, function(returned, failing)
      local out, err = written(), said()
      if not failing and not c.out then c.out = out end
      return returned and judge(c, code, out, err) or nil
    end
  end, { sources = { LUA, CURL, LUA + CURL } })
end
