--- Where a token may show up: for secrets_spec.lua and prove/secrets.lua. The servers here send it back wherever they
-- can, and it is looked for in all that a caller gets to see.
local awork = require "awork"
local core = require "awork.core"
local help = require "client_help"

local sweep = {}

--- A token of our own making, of characters that need no quoting anywhere.
function sweep.canary()
  local parts = { "canary" }
  for i = 2, 5 do
    parts[i] = ("%08x"):format(math.random(0, 0xffffffff))
  end
  return table.concat(parts, "-")
end

-- Everything that can be reached from a value without the debug library, as texts: keys, fields, metatables, and what
-- tostring makes of each.
local function texts(value, seen, out)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = value
  elseif (kind == "table" or kind == "userdata" or kind == "thread" or kind == "function") and not seen[value] then
    seen[value] = true
    local ok, text = pcall(tostring, value)
    if ok then
      out[#out + 1] = text
    end
    if kind == "table" then
      for k, v in next, value do
        texts(k, seen, out)
        texts(v, seen, out)
      end
    end
    local mt = getmetatable(value)
    if mt ~= nil and mt ~= getmetatable "" then
      texts(mt, seen, out)
    end
  end
  return out
end

-- Functions among what can be reached that give the token when they are called without arguments.
local function givers(value, canary, seen)
  if type(value) ~= "table" or seen[value] then
    return false
  end
  seen[value] = true
  for name, item in next, value do
    if type(item) == "function" and (name == "token" or name == "secret" or name == "renew" or name == "acquire") then
      local ok, got = pcall(item)
      if ok and got == canary then
        return true
      end
    elseif givers(item, canary, seen) then
      return true
    end
  end
  local mt = getmetatable(value)
  return type(mt) == "table" and givers(mt, canary, seen)
end

-- Options of a client that does not wait: its clock is put forward instead.
local function hasty(options)
  local ahead = 0
  function options.clock() return core.now() + ahead end
  function options.sleep(seconds) ahead = ahead + seconds end
  return options
end

--- Errors, hooks, logs, tostring, tracebacks, plans, journals, reports.
---@return integer looks texts that were looked at
function sweep.shown(check)
  local canary = sweep.canary()
  local server <close> = help.server { token = canary, users = 2, contact_infos_per_user = 2 }
  local id = server.user_ids[1]
  local looks = 0
  local function look(where, ...)
    for _, value in ipairs(table.pack(...)) do
      for _, text in ipairs(texts(value, {}, {})) do
        looks = looks + 1
        check(not text:find(canary, 1, true), "%s: %s", where, text:sub(1, 200))
      end
    end
  end
  local noted = {}
  local function note(...)
    noted[#noted + 1] = table.pack(...)
  end
  local function new_client()
    return help.client(server, hasty {
      token = canary, timeout = 5, retries = 1, max_wait = 0, random = function() return 0 end, log_level = "debug",
      log_values = true, on_request = note, on_response = note, on_retry = note, log = note,
    })
  end
  local function each_call(where)
    local client <close> = new_client()
    local calls = {
      function() return client.users:me() end,
      function() return client.users:list() end,
      function() return client.contact_infos:list(id) end,
      function() return client.contact_infos:create(id, help.phone()) end,
      function() return client.contact_infos:update(id, id, help.phone()) end,
      function() return client.contact_infos:delete(id, id) end,
      function() return client.companies:list() end,
      function() return client:request("GET", "/nowhere") end,
      function() return client:request("POST", "/users/" .. id .. "/contactinfo", { body = "{" }) end,
    }
    for _, call in ipairs(calls) do
      look(where, call())
    end
    -- The same in a task that raises what it got, with a traceback.
    local task = client:spawn(function()
      error((select(2, client.users:me())) or "no error", 0)
    end)
    look(where .. ", in a task", task:wait())
    look(where .. ", the task", task)
    local failing = client:spawn(function()
      error(tostring(select(2, client.users:me())))
    end)
    look(where .. ", a traceback", failing:wait())
  end
  local echo = {
    code = "server-error", description = "bad: Bearer " .. canary, link = "https://x/?token=" .. canary,
    traceId = canary, details = { canary, "at " .. canary }, [canary] = canary,
    validationErrors = { { property = canary, message = canary .. " is wrong" } },
  }
  local headers = { ["X-Edge-Ref"] = canary, ["Trace-Id"] = canary, ["X-Token"] = canary, ["Retry-After"] = "0" }
  for _, status in ipairs { 400, 401, 403, 404, 408, 409, 418, 429, 500, 502, 503 } do
    server.fault { kind = "status", status = status, body = echo, headers = headers, times = math.huge }
    each_call("status " .. status)
    server.clear_faults()
  end
  for _, fault in ipairs {
    { kind = "status", status = 500, body = "<html>" .. canary .. "</html>", content_type = "text/" .. canary },
    { kind = "redirect", location = "https://elsewhere.example/" .. canary },
    { kind = "garbage", data = canary }, { kind = "garbage", data = '{"a": ' .. canary },
    { kind = "garbage", data = "[" .. canary, content_type = "application/" .. canary },
    { kind = "raw", data = canary }, { kind = "raw", data = "HTTP/1.1 " .. canary .. "\r\n\r\n" },
    { kind = "raw", data = "HTTP/1.1 200 OK\r\n" .. canary .. "\r\n\r\n" },
    { kind = "raw", data = "HTTP/1.1 200 OK\r\nContent-Encoding: " .. canary .. "\r\nContent-Length: 1\r\n\r\nx" },
    { kind = "reset_before" }, { kind = "reset_after" }, { kind = "cut", bytes = 3 },
  } do
    fault.times = math.huge
    server.fault(fault)
    each_call(fault.kind)
    server.clear_faults()
  end
  each_call("no fault")

  local client <close> = new_client()
  look("create_many", client.contact_infos:create_many {
    { user_id = id, info = help.phone() }, { user_id = "x", info = {} }, { user_id = id, info = { type = "fax" } },
  })
  local plan = assert(client:plan { { user = id, contact_infos = { help.phone() } } })
  look("a plan", plan, plan:to_text(), plan:to_json())
  local journal = os.tmpname()
  os.remove(journal)
  look("an apply", client:apply(plan, { journal = journal }))
  local file = io.open(journal)
  check(file, "no journal")
  if file then
    look("a journal", file:read "a")
    file:close()
    os.remove(journal)
  end
  look("check", client:check())
  look("stats", client:stats())
  check(#noted > 300, "hooks saw %d things", #noted)
  look("hooks and log", noted)
  look("a client", client)
  check(not givers(client, canary, {}), "the client has a function that gives the token")

  for _, token in ipairs { canary .. "\r\nX: y", " " .. canary, canary .. "\n", "Bearer " .. canary, canary .. "\0" } do
    look("a token that can't be sent", awork.client { base_url = server.url, token = token })
  end
  look("a token twice", select(2, pcall(awork.client, { base_url = server.url, token = { canary } })))
  look("a token in the URL", select(2, pcall(awork.client, { base_url = "https://" .. canary .. "@awork.com/" })))
  look("a token from a function", (function()
    local other <close> = help.client(server, { token = function() error("no " .. "token") end })
    return select(2, other.users:me())
  end)())

  -- OAuth: the refresh token and the secret are no one's to see either.
  local oauth = server.oauth
  local secrets = { oauth.refresh_token, oauth.client_secret }
  local source = awork.oauth {
    client_id = oauth.client_id, client_secret = oauth.client_secret, refresh_token = oauth.refresh_token,
    token_url = server.url .. "/accounts/token",
  }
  local third <close> = help.client(server, { token = source })
  server.fault { kind = "status", status = 400, body = { error = "invalid_grant", error_description =
    table.concat(secrets, " "), description = table.concat(secrets, " ") }, path = "/accounts/token" }
  local value, err = third.users:me()
  check(value == nil, "a token in spite of the fault")
  for _, secret in ipairs(secrets) do
    for _, text in ipairs(texts({ err, source, third }, {}, {})) do
      looks = looks + 1
      check(not text:find(secret, 1, true), "OAuth: %s", text:sub(1, 200))
    end
  end
  return looks
end

-- Everything is noted that goes through functions which a script can replace: those of the standard library and the
-- global ones, and every function in every table that can be reached from `roots`, from what they are called with and
-- from what they return. Only while `fn` runs. What the functions here are made of is not replaced.
local raw = {
  find = string.find, type = type, next = next, pack = table.pack, unpack = table.unpack, rawset = rawset,
  getmetatable = getmetatable, pcall = pcall, error = error,
}
local LIBRARIES = { string, table, math, coroutine, utf8 }
local GLOBALS = {
  "next", "pairs", "ipairs", "type", "pcall", "xpcall", "select", "tostring", "tonumber", "setmetatable",
  "getmetatable", "rawget", "rawset", "rawequal", "rawlen", "assert",
}

local function spied(noted, roots, fn, ...)
  local undo, seen, ours = {}, {}, {}
  local note

  local function spy_of(name, original)
    local function spy(...)
      note(name, ...)
      local results = raw.pack(original(...))
      note(name, raw.unpack(results, 1, results.n))
      return raw.unpack(results, 1, results.n)
    end
    ours[spy] = true
    return spy
  end

  local function replace(owner, name, original)
    if not ours[original] and raw.pcall(raw.rawset, owner, name, spy_of(name, original)) then
      undo[#undo + 1] = { owner, name, original }
    end
  end

  local function walk(name, value)
    local kind = raw.type(value)
    if kind == "string" then
      noted[value] = name
    elseif (kind == "table" or kind == "userdata") and not seen[value] and value ~= undo and value ~= noted then
      seen[value] = true
      if kind == "table" then
        local functions = {}
        for k, v in raw.next, value do
          if raw.type(v) == "function" then
            functions[k] = v
          else
            walk(name, k)
            walk(name, v)
          end
        end
        for k, v in raw.next, functions do
          replace(value, k, v)
        end
      end
      walk(name, raw.getmetatable(value))
    end
  end

  function note(name, ...)
    local values = raw.pack(...)
    for i = 1, values.n do
      walk(name, values[i])
    end
  end

  -- Not for us: walking replaces, in what a script could have had before.
  seen[_G], seen[package.loaded], seen[ours] = true, true, true
  for _, root in raw.next, roots do
    walk("a field", root)
  end
  for _, library in raw.next, LIBRARIES do
    for name, original in raw.next, library do
      if raw.type(original) == "function" then
        replace(library, name, original)
      end
    end
  end
  for _, name in raw.next, GLOBALS do
    replace(_G, name, _G[name])
  end
  local results = raw.pack(raw.pcall(fn, ...))
  for i = #undo, 1, -1 do
    local owner, name, original = raw.unpack(undo[i], 1, 3)
    raw.rawset(owner, name, original)
  end
  if not results[1] then
    raw.error(results[2], 0)
  end
  return raw.unpack(results, 2, results.n)
end

--- What a script gets to see that was handed a client and replaces all that it can reach, whatever the client does.
---@param source "string"|"function"|"oauth" where the token comes from
---@return integer texts that went through functions of the script
function sweep.reached(source, check)
  local secrets = { sweep.canary(), sweep.canary() }
  local server <close> = help.server {
    users = 2, contact_infos_per_user = 2, token = secrets[1],
    tokens = { { token = secrets[2], user = 1, admin = true } },
  }
  local id, texts_seen = server.user_ids[1], {}
  local turn, token, fresh = 1, secrets[1], nil
  if source == "function" then
    function token() return secrets[turn] end
  elseif source == "oauth" then
    secrets = { server.oauth.client_secret }
    fresh = function()
      secrets[#secrets + 1] = server.oauth.refresh_token
      return awork.oauth {
        client_id = server.oauth.client_id, client_secret = server.oauth.client_secret,
        refresh_token = function() return server.oauth.refresh_token end,
        on_refresh = function(refresh_token, more)
          secrets[#secrets + 1], secrets[#secrets + 2] = refresh_token, more.access_token
        end,
      }
    end
  end
  local ok = 0
  local function with_client(what, call, fault)
    server.reset()
    local client = help.client(server, hasty {
      token = fresh and fresh() or token, retries = 1, random = function() return 0 end, max_wait = 0,
    })
    if fault then
      server.fault(fault)
    end
    local task = client:spawn(function() return client.users:me() end)
    local got, err = spied(texts_seen, { client, task, client.users, client.contact_infos }, function()
      local value, why = call(client)
      return value ~= nil, why
    end)
    if not fault then
      check(got, "%s: %s", what, tostring(err))
    end
    ok = ok + (got and 1 or 0)
    spied(texts_seen, { client, task, err }, function()
      client:loop()
      tostring(err)
      client:close()
    end)
  end
  local calls = {
    me = function(client) return client.users:me() end,
    list = function(client) return client.users:list() end,
    each = function(client)
      local last
      for user in client.users:each() do last = user end
      return last
    end,
    infos = function(client) return client.contact_infos:list(id) end,
    create = function(client) return client.contact_infos:create(id, help.phone()) end,
    find = function(client) return client.contact_infos:find { phone = "+49 30 1234" } end,
    task = function(client)
      return client:spawn(function() return client.contact_infos:create(id, help.phone()) end):wait()
    end,
    create_many = function(client)
      return client.contact_infos:create_many { { user_id = id, info = help.phone() }, { user_id = id, info = {} } }
    end,
    plan = function(client)
      local plan, err = client:plan { { user = id, contact_infos = { help.phone() } } }
      return plan and plan:to_json(), err
    end,
    check = function(client) return client:check() end,
    request = function(client) return client:request("GET", "/users", { query = { pageSize = 1 } }) end,
    sleep = function(client) return client:sleep(0) end,
    raises = function(client)
      client:spawn(function() error(select(2, client:request("GET", "/nowhere"))) end)
      return not client:loop()
    end,
  }
  for what, call in pairs(calls) do
    with_client(what, call)
  end
  -- What is refused, renewed, or sent back.
  local hidden = secrets[1]:gsub("^.", function(c) return ("\\u%04x"):format(c:byte()) end)
  for what, fault in pairs {
    refused = { kind = "status", status = 401, body = { code = "unauthorized" } },
    echo = { kind = "status", status = 400, body = { description = "bad " .. secrets[1], [secrets[1]] = secrets[1] },
      headers = { ["Trace-Id"] = secrets[1] } },
    html = { kind = "status", status = 500, times = 2, body = "<b>" .. secrets[1] .. "</b>",
      content_type = "text/html" },
    hidden = { kind = "raw", data = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: "
      .. #hidden + 18 .. "\r\n\r\n{\"description\":\"" .. hidden .. "\"}" },
    plain = { kind = "status", status = 200, body = "it is " .. secrets[1], content_type = "text/plain" },
    redirect = { kind = "redirect", location = "https://elsewhere.example/" .. secrets[1] },
    lost = { kind = "reset_after", method = "POST", times = 1 },
  } do
    turn = 1
    for name, call in pairs { me = calls.me, request = calls.request, create = calls.create, task = calls.task } do
      with_client(what .. ", " .. name, function(client)
        turn = what == "refused" and 2 or turn
        return call(client)
      end, fault)
    end
  end
  check(ok > 20, "%d calls succeeded", ok)
  local count = 0
  for text, where in pairs(texts_seen) do
    count = count + 1
    for _, secret in ipairs(secrets) do
      check(not text:find(secret, 1, true), "%s saw a secret: %s", where, text:sub(1, 200))
    end
  end
  return count
end

--- What the command awork-contacts prints, saves and notes, with a server that sends the token back.
---@param statuses integer[] what the server answers when it is not well
---@return integer looks
function sweep.command(statuses, check)
  local canary = sweep.canary()
  local server <close> = help.server { token = canary, users = 2, contact_infos_per_user = 2 }
  local dir = os.tmpname()
  os.remove(dir)
  assert(os.execute("mkdir -m 700 '" .. dir .. "'"))
  local people = assert(io.open(dir .. "/people.json", "w"))
  people:write(('[{"user":"%s","contact_infos":[{"type":"phone","subType":"work","value":"+49 30 1234"}]}]')
    :format(server.user_ids[1]))
  people:close()
  local here = assert(io.popen "pwd")
  local top = here:read "l"
  here:close()
  local looks = 0
  local function run(words)
    local pipe = assert(io.popen(("cd '%s' && AWORK_TOKEN='%s' AWORK_BASE_URL='%s' XDG_STATE_HOME='%s' "
      .. "'%s/bin/awork-contacts' %s </dev/null 2>&1; cat '%s'/*.new 2>/dev/null"):format(dir, canary, server.url, dir,
      top, words, dir)))
    local text = pipe:read "a"
    pipe:close()
    looks = looks + 1
    check(not text:find(canary, 1, true), "awork-contacts %s: %s", words, text)
    return text
  end
  local commands = { "check", "list", "find +49301234", "plan people.json", "--json plan people.json",
    "plan people.json -o plan.new", "apply --yes --journal journal.new people.json", "export", "list --json" }
  local said = {}
  for i, words in ipairs(commands) do
    said[i] = run(words)
  end
  said = table.concat(said)
  check(said:find('"intent"', 1, true) and said:find("+49 30 1234", 1, true), "the command does not work: %s", said)
  local echo = { code = "unauthorized", description = "not " .. canary, link = canary, traceId = canary,
    details = { canary } }
  for _, status in ipairs(statuses) do
    server.fault {
      kind = "status", status = status, body = echo, times = math.huge, headers = { ["Trace-Id"] = canary },
    }
    for _, words in ipairs(commands) do
      run(words)
    end
    server.clear_faults()
  end
  os.execute("rm -rf '" .. dir .. "'")
  return looks
end

local HELD = {
  -- As the engine has it, and as libcurl has it while it sends.
  engine = function(token) return "Authorization: Bearer " .. token .. "\0" end,
  libcurl = function(token) return "Authorization: Bearer " .. token .. "\r\n" end,
  any = function(token) return token end,
}

-- How often the token is in the memory of a process.
local function count_in(pid, token)
  local found = { engine = 0, libcurl = 0, any = 0 }
  local memory <close> = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
  memory:setvbuf "no"
  for line in io.lines(("/proc/%d/maps"):format(pid)) do
    local from, to, flags, name = line:match "^(%x+)%-(%x+) (%S+) %S+ %S+ %S+%s*(.*)$"
    if flags:sub(1, 2) == "rw" and not name:find "^%[v" then
      from, to = tonumber(from, 16), tonumber(to, 16)
      local tail = ""
      for at = from, to - 1, 1 << 20 do
        memory:seek("set", at)
        local block = memory:read(math.min(1 << 20, to - at))
        if not block then
          break
        end
        block = tail .. block
        for name_of, form in pairs(HELD) do
          local text, start = form(token), 1
          while true do
            local first, last = block:find(text, start, true)
            if not first then
              break
            end
            -- One that lies in the tail alone was counted before.
            if last > #tail then
              found[name_of] = found[name_of] + 1
            end
            start = first + 1
          end
        end
        tail = block:sub(-200)
      end
    end
  end
  return found
end

--- The other process: makes requests of all kinds, and says when it can be looked at, by files in `dir`.
---@param dir string
---@param url string
---@param user_id string
function sweep.child(dir, url, user_id)
  local file <close> = assert(io.open(dir .. "/token"))
  local token = file:read "a"
  local stat <close> = assert(io.open "/proc/self/stat")
  print(stat:read "n")
  io.stdout:flush()
  local function phase(name)
    assert(io.open(dir .. "/" .. name .. ".new", "w")):close()
    os.rename(dir .. "/" .. name .. ".new", dir .. "/" .. name)
    local ends = core.now() + 60
    while core.now() < ends do
      local go = io.open(dir .. "/" .. name .. ".go")
      if go then
        go:close()
        return
      end
      os.execute "sleep 0.05"
    end
  end
  local client = assert(awork.client { base_url = url, token = token, rate = false, retries = 1, timeout = 60,
    random = function() return 0 end })
  for i = 1, 20 do
    client.contact_infos:create(user_id, { type = "phone", value = "12345" .. i })
    client.users:me()
    client.contact_infos:delete(user_id, user_id)
    client:request("GET", "/nowhere", { headers = { ["x-large"] = ("a"):rep(i * 300) } })
  end
  -- Some that are waiting, and some in the queue.
  for _ = 1, 40 do
    client:spawn(function() client:request("GET", "/slow") end)
  end
  for _ = 1, 20 do
    client:wait(0.01)
  end
  phase "open"
  client:close()
  client, token = nil, nil -- luacheck: ignore
  file:close()
  collectgarbage()
  collectgarbage()
  phase "closed"
end

--- Memory, arguments and environment of a process that uses a token and then closes its client.
---@param start fun(...): file* starts sweep.child with these arguments
---@return integer looks
---@return table counts of the phases
function sweep.memory(start, check)
  local canary = sweep.canary()
  local server <close> = help.server { token = canary, users = 1 }
  server.fault { kind = "delay", seconds = 30, path = "/slow$", times = math.huge }
  server.fault { kind = "status", status = 503, method = "GET", path = "/me$", times = 5 }
  server.fault { kind = "reset_after", method = "POST", times = 3 }
  local dir = os.tmpname()
  os.remove(dir)
  assert(os.execute("mkdir -m 700 '" .. dir .. "'"))
  local token_file = assert(io.open(dir .. "/token", "w"))
  token_file:write(canary)
  token_file:close()
  local pipe = start(dir, server.url, server.user_ids[1])
  local pid = tonumber(pipe:read "l")
  local counts, looks = {}, 0
  for _, phase in ipairs { "open", "closed" } do
    local ready
    local ends = core.now() + 60
    repeat
      ready = io.open(dir .. "/" .. phase)
      if not ready then
        os.execute "sleep 0.05"
      end
    until ready or core.now() > ends
    if not check(ready, "the process does not get to '%s'", phase) then
      break
    end
    ready:close()
    counts[phase] = count_in(pid, canary)
    for _, name in ipairs { "cmdline", "environ" } do
      local file <close> = assert(io.open(("/proc/%d/%s"):format(pid, name), "rb"))
      check(not file:read "a":find(canary, 1, true), "the token is in %s", name)
      looks = looks + 1
    end
    looks = looks + 1
    local go = assert(io.open(dir .. "/" .. phase .. ".go", "w"))
    go:close()
  end
  pipe:close()
  os.execute("rm -rf '" .. dir .. "'")
  if counts.closed then
    check(counts.open.engine > 0, "not even a live client has the token in memory: the search is wrong")
    check(counts.closed.engine == 0, "%d of the engine's copies are left after close", counts.closed.engine)
  end
  return looks, counts
end

return sweep
