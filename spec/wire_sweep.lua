--- Answers that were recorded and then broken, and answers that no server should give: each call ends in a value or
-- in a typed error, within its deadline, and without the token in it. For wire_spec.lua and prove/wire.lua.
local awork = require "awork"
local core = require "awork.core"
local sandbox = require "awork.sandbox"
local socket = require "socket"
local wire_peer = require "wire_peer"

local sweep = {}

--- A token that must be seen nowhere but in a request's head.
sweep.canary = "canary-5f1d8a7c9b3e-token"

local KINDS = { api = true, network = true, timeout = true, tls = true, protocol = true, rate_limit = true,
  validation = true }

-- Seconds that a call may take beyond its timeout before that is a finding: the machine may be busy.
local SLACK = (os.getenv "AWORK_CHECK" or "plain") == "plain" and 3 or 60

local function guid(n)
  return ("%08x-0000-4000-8000-000000000000"):format(n)
end

local INFO_ID = "123e4567-e89b-12d3-a456-426614174000"
local PHONE = { type = "phone", subType = "work", value = "+49 30 5557788" }

-- The calls whose answers are recorded: what the request is, and the method that makes it.
local CALLS = {
  { name = "get", status = 200, call = function(c, id, o) return c:request("GET", "/users/" .. id, o) end },
  { name = "list", status = 200, call = function(c, id, o)
    return c:request("GET", "/users/" .. id .. "/contactinfo", o)
  end },
  { name = "create", status = 200, call = function(c, id, o) return c.contact_infos:create(id, PHONE, o) end },
  { name = "refused", status = 400, call = function(c, id, o)
    return c:request("POST", "/users/" .. id .. "/contactinfo", { body = { type = "fax" }, retry = o.retry,
      timeout = o.timeout })
  end },
  { name = "missing", status = 404, call = function(c, id, o)
    return c:request("GET", "/users/" .. id .. "/contactinfo/" .. INFO_ID, o)
  end },
  { name = "delete", status = 204, call = function(c, id, o)
    return c:request("DELETE", "/users/" .. id .. "/contactinfo/" .. INFO_ID, o)
  end },
  { name = "limited", status = 429, call = function(c, id, o) return c:request("GET", "/users/" .. id, o) end },
  { name = "gateway", status = 502, call = function(c, id, o) return c:request("GET", "/users/" .. id, o) end },
}

-- The bytes that a sandbox answers to what these calls send.
local function record()
  local server <close> = assert(sandbox.start { users = 1, rate_limit = { second = 50, minute = 1000 } })
  local id = server.user_ids[1]
  local function exchange(method, path, body)
    local sock = assert(socket.connect("127.0.0.1", server.port))
    sock:settimeout(10)
    sock:send(("%s /api/v1%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%sConnection: close\r\n\r\n%s"):format(
      method, path, server.token,
      body and ("Content-Type: application/json\r\nContent-Length: %d\r\n"):format(#body) or "", body or ""))
    local all = sock:receive "*a"
    sock:close()
    -- As it is on a connection that is kept.
    return (all:gsub("\r\nConnection: [Cc]lose", "", 1))
  end
  local form = '{"type":"phone","subType":"work","value":"+49 30 5557788"}'
  local contacts = "/users/" .. id .. "/contactinfo"
  local out = {}
  out.create = exchange("POST", contacts, form)
  local made = out.create:match '"id":"([^"]+)"'
  out.get = exchange("GET", "/users/" .. id)
  out.list = exchange("GET", contacts)
  out.refused = exchange("POST", contacts, '{"type":"fax"}')
  out.missing = exchange("GET", contacts .. "/" .. INFO_ID)
  out.delete = exchange("DELETE", contacts .. "/" .. made)
  server.fault { kind = "rate_limit", retry_after = 600 }
  out.limited = exchange("GET", "/users/" .. id)
  server.fault { kind = "status", status = 502 }
  out.gateway = exchange("GET", "/users/" .. id)
  return out
end

local function describe(value)
  if type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for name, item in pairs(value) do
    parts[#parts + 1] = tostring(name) .. "=" .. describe(item)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end
sweep.describe = describe

--- Whether a table, or what it prints as, holds the text.
local function holds(value, text, seen)
  if type(value) == "string" then
    return value:find(text, 1, true) ~= nil
  elseif type(value) == "table" and not seen[value] then
    seen[value] = true
    for k, v in pairs(value) do
      if holds(k, text, seen) or holds(v, text, seen) then
        return true
      end
    end
    return holds(tostring(value), text, seen)
  end
  return false
end

--- What is wrong with what a call returned; nil if nothing is.
function sweep.fault(value, err, took, timeout)
  if value == nil and not awork.is_error(err) then
    return "neither a value nor an error: " .. tostring(err)
  elseif value == nil and not KINDS[err.kind] then
    return "an error of kind " .. tostring(err.kind)
  elseif value == nil and (type(err.code) ~= "string" or err.code == "curl") then
    return "an error without a code of ours: " .. tostring(err)
  elseif value == nil and holds(err, sweep.canary, {}) then
    return "the token is in the error"
  elseif took > timeout + SLACK then
    return ("it took %.1f s with a timeout of %.1f s"):format(took, timeout)
  end
  return nil
end

-- Runs cases through one client, `width` at a time, or, those that are `fresh` because a 429 makes a client pause,
-- through clients of their own. A case: { name=, call=, script=, expect= (a function that looks at value and err and
-- says what is wrong, or nothing), timeout=, fresh= }.
function sweep.run(cases, check, width, options)
  local peer <close> = wire_peer.new()
  local merged = {
    base_url = peer.url, token = sweep.canary, rate = false, max_connections = 100, max_wait = 1,
  }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  local done = 0
  local function run(client, number)
    local case = cases[number]
    local id, timeout = guid(number), case.timeout or 10
    peer.scripts[id] = case.script
    local start = core.now()
    local ok, value, err = pcall(case.call, client, id, { retry = false, timeout = timeout })
    local took = core.now() - start
    peer.scripts[id] = nil
    local fault
    if ok then
      if value ~= nil then
        err = nil
      end
      fault = sweep.fault(value, err, took, timeout) or case.expect and case.expect(value, err)
    else
      fault = "it raised: " .. tostring(value)
    end
    check(not fault, "%s: %s", case.name, fault)
    done = done + 1
  end
  local shared, fresh = {}, {}
  for number, case in ipairs(cases) do
    local list = case.fresh and fresh or shared
    list[#list + 1] = number
  end
  width = width or 100
  local client <close> = assert(awork.client(merged))
  local at = 0
  for _ = 1, width do
    client:spawn(function()
      while at < #shared do
        at = at + 1
        run(client, shared[at])
      end
    end)
  end
  check(peer:drive(client, function() return done == #shared end, 600), "%d of %d cases ended", done, #shared)
  for first = 1, #fresh, width do
    local clients = {}
    local last = math.min(first + width - 1, #fresh)
    for i = first, last do
      local own = assert(awork.client(merged))
      own:spawn(run, own, fresh[i])
      clients[#clients + 1] = own
    end
    check(peer:drive(clients, function() return done == #shared + last end, 600), "%d of %d cases ended", done, #cases)
    for _, own in ipairs(clients) do
      own:close()
    end
  end
  return done
end

--- Every recorded answer, cut at every byte, with every byte changed, missing and doubled, in two parts, twice.
---@param share number of the bytes
---@param check fun(ok, ...)
---@return integer cases
function sweep.recorded(share, check)
  local answers = record()
  local cases, skip = {}, math.max(1, math.floor(1 / share + 0.5))
  local turn = 0
  local function add(case)
    turn = turn + 1
    if turn % skip == 0 then
      case.fresh = case.name:find "^limited" ~= nil
      cases[#cases + 1] = case
    end
  end
  -- What each call gives when nothing is wrong.
  local whole, usual = {}, {}
  for _, call in ipairs(CALLS) do
    local answer = answers[call.name]
    assert(answer:match "^HTTP/1.1 (%d+)" == tostring(call.status), call.name .. ": " .. answer:sub(1, 60))
    whole[#whole + 1] = { name = call.name .. " as recorded", call = call.call, script = { answer },
      fresh = call.status == 429,
      expect = function(value, err)
        usual[call.name] = value and describe(value) or tostring(err.status)
        return not value ~= (call.status >= 300) and "it does not give what was recorded" or nil
      end }
  end
  sweep.run(whole, check)
  for _, call in ipairs(CALLS) do
    local answer, name = answers[call.name], call.name
    local head = select(2, answer:find("\r\n\r\n", 1, true))
    local function same(value, err)
      local got = value and describe(value) or err and tostring(err.status)
      return got ~= usual[name] and "not what was recorded: " .. (value and got or tostring(err)) or nil
    end
    local function failed(value)
      return value ~= nil and "a value of an answer that was cut" or nil
    end
    for at = 0, #answer - 1 do
      local part = answer:sub(1, at)
      -- A head without a body is whole where none is to come.
      local complete = call.status == 204 and at >= head
      for _, ending in ipairs { "=close", "=reset", "=hang" } do
        add { name = ("%s cut at %d, %s"):format(name, at, ending:sub(2)), call = call.call, script = { part, ending },
          timeout = ending == "=hang" and 0.3 or nil, expect = not complete and failed or nil }
      end
      local byte = answer:byte(at + 1)
      for _, mask in ipairs { 0x01, 0x20, 0x80, 0xff } do
        add { name = ("%s byte %d ~ %02x"):format(name, at, mask), call = call.call, timeout = 0.3,
          script = { part .. string.char(byte ~ mask) .. answer:sub(at + 2), "=close" } }
      end
      add { name = ("%s byte %d missing"):format(name, at), call = call.call, timeout = 0.3,
        script = { part .. answer:sub(at + 2), "=close" } }
      add { name = ("%s byte %d twice"):format(name, at), call = call.call, timeout = 0.3,
        script = { part .. answer:sub(at + 1, at + 1) .. answer:sub(at + 1), "=close" } }
      add { name = ("%s in two parts at %d"):format(name, at), call = call.call, expect = same,
        script = { part, 0.002, answer:sub(at + 1) } }
    end
    add { name = name .. " twice", call = call.call, script = { answer .. answer }, expect = same }
    local bytes = {}
    for i = 1, #answer do
      bytes[2 * i - 1], bytes[2 * i] = answer:sub(i, i), 0.0005
    end
    add { name = name .. " byte by byte", call = call.call, script = bytes, expect = same }
  end
  return sweep.run(cases, check)
end

-- A gzip of so many zero bytes, by the system's gzip.
local function gzip_zeros(megabytes)
  local pipe = assert(io.popen(("head -c %d /dev/zero | gzip -9"):format(megabytes * 1024 * 1024), "r"))
  local data = pipe:read "a"
  pipe:close()
  return data
end

--- Answers that no server should give.
---@param share number of them
---@param check fun(ok, ...)
---@return integer cases
function sweep.hostile(share, check)
  local cases = {}
  local get = CALLS[1].call
  local create = CALLS[3].call
  local OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
  -- Fields: the script; `codes`: what the error's code must be one of (none: any typed error, or a value if `value`).
  local skip, turn = math.max(1, math.floor(1 / share + 0.5)), 0
  local function add(name, script, codes, value, timeout)
    turn = turn + 1
    if turn % skip ~= 0 then
      return
    end
    for _, call in ipairs { get, create } do
      cases[#cases + 1] = { name = name, call = call, script = script, timeout = timeout or 10,
        fresh = name:find "^429" ~= nil,
        expect = function(got, err)
          if got ~= nil then
            return not value and "a value: " .. describe(got) or nil
          elseif codes then
            for code in codes:gmatch "%S+" do
              if err.code == code or err.kind == code then
                return nil
              end
            end
            return ("%s (%s) instead of %s: %s"):format(err.code, err.kind, codes, tostring(err))
          end
        end }
    end
  end
  local bomb = ("x"):rep(60000)
  -- heads
  add("a header of 1 MB", { OK .. "X-A: " .. ("a"):rep(1000000) .. "\r\n\r\n{}" }, "protocol network")
  add("a header without end", { OK .. "X-A: ", { bomb } }, "protocol network")
  add("headers without end", { OK, { ("X-A: " .. ("b"):rep(50) .. "\r\n"):rep(1000) } }, "headers-too-large")
  add("a status line without end", { "HTTP/1.1 200 ", { bomb } }, "protocol network")
  add("interim answers without end", { { ("HTTP/1.1 100 Continue\r\n\r\n"):rep(1000) } }, "headers-too-large")
  add("early hints without end", { { ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"):rep(1000) } },
    "headers-too-large")
  add("interim answers, then none", { ("HTTP/1.1 102 Processing\r\n\r\n"):rep(100), "=hang" }, "timeout", false, 0.4)
  add("interim answers, then one", { ("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"):rep(50) .. OK
    .. "Content-Length: 2\r\n\r\n{}" }, nil, true)
  add("switching protocols", { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "=hang" },
    "timeout protocol api", false, 0.4)
  add("trailers without end", { OK .. "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    { ("X-T: " .. ("t"):rep(50) .. "\r\n"):rep(1000) } }, "headers-too-large network protocol")
  add("a byte a while", { "HTTP/1.1 200", 0.2, " ", 0.2, "O", 0.2, "K", 0.2, "\r", 0.2, "\n", "=hang" }, "timeout",
    false, 0.5)
  -- bodies
  add("a body without end", { OK .. "\r\n", { bomb } }, "body-too-large")
  add("a body of 1 TB", { OK .. "Content-Length: 1099511627776\r\n\r\n", { bomb } }, "body-too-large")
  add("chunks without end", { OK .. "Transfer-Encoding: chunked\r\n\r\n", { "EA60\r\n" .. bomb .. "\r\n" } },
    "body-too-large")
  local zipped = gzip_zeros(16)
  add("a gzip bomb", { OK .. "Content-Encoding: gzip\r\nContent-Length: " .. #zipped .. "\r\n\r\n" .. zipped },
    "body-too-large", false, 10)
  add("a gzip bomb in chunks", { OK .. ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"):format(
    #zipped) .. zipped .. "\r\n0\r\n\r\n" }, "body-too-large", false, 10)
  add("gzip of nothing", { OK .. "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}" }, "protocol network")
  add("gzip cut", { OK .. "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" .. zipped:sub(1, 20) },
    "protocol network")
  add("deflate of noise", { OK .. "Content-Encoding: deflate\r\nContent-Length: 4\r\n\r\n\255\254\253\252" },
    "protocol network")
  add("an encoding of no one", { OK .. "Content-Encoding: zstd42\r\nContent-Length: 2\r\n\r\n{}" }, "protocol")
  add("a hundred encodings", { OK .. "Content-Encoding: " .. ("gzip, "):rep(100)
    .. "gzip\r\nContent-Length: 2\r\n\r\n{}" }, "protocol network")
  -- lengths
  for _, length in ipairs { "-1", "99999999999999999999999", "0x2", "2, 3", "two", "", " ", "+2", "1e3" } do
    add("Content-Length: " .. length, { OK .. "Content-Length: " .. length .. "\r\n\r\n{}", "=close" }, nil, true)
  end
  add("two lengths", { OK .. "Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}   ", "=close" }, nil, true)
  add("too long a length", { OK .. "Content-Length: 10\r\n\r\n{}", "=close" }, "network")
  add("too long a length, silence", { OK .. "Content-Length: 10\r\n\r\n{}", "=hang" }, "timeout", false, 0.4)
  add("too short a length", { OK .. "Content-Length: 1\r\n\r\n{}" }, "protocol")
  add("a length and chunks", { OK .. "Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" },
    nil, true)
  -- chunks
  for _, chunks in ipairs { "zz\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "fffffffffffffffff\r\n{}",
    "7fffffffffffffff\r\n{}", "2\n{}\n0\n\n", "2\r\n{}0\r\n\r\n", "2\r\n{}\r\n",
    "2;" .. ("e"):rep(100000) .. "\r\n{}\r\n0\r\n\r\n", "\r\n", "0",
    "1\r\n{\r\n1\r\n}\r\n0\r\nX", "2 \r\n{}\r\n0\r\n\r\n", "\0002\r\n{}\r\n0\r\n\r\n" } do
    add("chunks " .. chunks:sub(1, 12):gsub("%c", "."),
      { OK .. "Transfer-Encoding: chunked\r\n\r\n" .. chunks, "=close" }, nil, true)
  end
  add("an unknown transfer encoding", { OK .. "Transfer-Encoding: identity, cloth\r\n\r\n{}", "=close" }, nil, true)
  -- status lines and headers
  for _, head in ipairs { "HTTP/9.9 200 OK", "HTTP/1.1 abc OK", "HTTP/1.1 000 OK", "HTTP/1.1 999 OK", "HTTP/1.1 99 OK",
    "HTTP/1.1 2000 OK", "HTTP/1.1", "ICY 200 OK", "SSH-2.0-OpenSSH_9.2", "", "{}", "\22\3\1\0\5abcde",
    "HTTP/2 200", "HTTP/1.1 -20 OK", "HTTP/1.1  200 OK", "http/1.1 200 OK", "RTSP/1.0 200 OK" } do
    add("the status line " .. head:gsub("%c", "."), { head .. "\r\nContent-Length: 2\r\n\r\n{}", "=close" }, nil, true)
  end
  for _, status in ipairs { 204, 205, 304, 300, 301, 418, 451, 500, 599, 600, 999 } do
    add("status " .. status .. " with a body", { "HTTP/1.1 " .. status .. " X\r\nContent-Length: 2\r\n\r\n{}" }, nil,
      true)
  end
  for _, header in ipairs { "no colon", ": no name", "X-A\0B: c", "X: \0\1\2", " folded: first", "Retry-After: -5",
    "Retry-After: 99999999999999999999", "Retry-After: \255\254", "ratelimit-remaining: -1",
    "x-ratelimit-limit-second: 0", "x-ratelimit-remaining-minute: 99999999999999999999", "ratelimit-reset: nan",
    "x-ratelimit-limit-minute: 2147483648", "Date: yesterday", "Content-Type: application/json; charset=\"",
    "Content-Type: text/html; charset=utf-16", "Connection: keep-alive, close, upgrade", "Keep-Alive: timeout=-1",
    "Set-Cookie: a=b; domain=.com", "Strict-Transport-Security: max-age=1", "Alt-Svc: h3=\":1\"",
    "Content-Range: bytes 0-1/2", "WWW-Authenticate: Negotiate", "Location: https://elsewhere.example/",
    "Trailer: X", "Link: <" .. ("l"):rep(5000) .. ">" } do
    add("the header " .. header:sub(1, 30):gsub("[%c\128-\255]", "."),
      { OK .. header .. "\r\nContent-Length: 2\r\n\r\n{}", "=close" }, nil, true)
    add("429 with the header " .. header:sub(1, 30):gsub("[%c\128-\255]", "."),
      { "HTTP/1.1 429 X\r\n" .. header .. "\r\nContent-Length: 2\r\n\r\n{}", "=close" }, nil, false)
  end
  -- JSON
  for _, body in ipairs { "", "null", "nul", "[", "]", "{", '{"a":', '{"a":1}}', "1e999", "-", '"\\ud800"', '"\255"',
    ("["):rep(100000), ("[{\"a\":"):rep(5000), '{"id":' .. ("9"):rep(1000) .. "}", "\239\187\191{}", "\0{}", "NaN",
    '{"a":1,"a":2}', "<html>", ("{}"):rep(3) } do
    add("the body " .. body:sub(1, 12):gsub("[%c\128-\255]", "."),
      { OK .. "Content-Length: " .. #body .. "\r\n\r\n" .. body, "=close" }, nil, true)
  end
  return sweep.run(cases, check, 8, { max_body = 1024 * 1024 })
end

--- Redirects: none is followed, so nothing arrives where they lead, least of all the token.
---@param share number of them
---@return integer cases
function sweep.redirects(share, check)
  local elsewhere <close> = wire_peer.new()
  elsewhere.keep = true
  local cases = {}
  for _, status in ipairs { 300, 301, 302, 303, 305, 307, 308 } do
    for _, location in ipairs { elsewhere.url, "//127.0.0.1:" .. elsewhere.port .. "/", "https://127.0.0.1:"
      .. elsewhere.port .. "/", "file:///etc/passwd", "gopher://127.0.0.1:" .. elsewhere.port .. "/" } do
      for _, call in ipairs { CALLS[1], CALLS[3], CALLS[6] } do
        cases[#cases + 1] = { name = ("%d to %s"):format(status, location), call = call.call,
          script = { ("HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(status, location) },
          expect = function(value)
            return value ~= nil and "a value" or nil
          end }
      end
    end
  end
  local some = {}
  for i = 1, #cases, math.max(1, math.floor(1 / share + 0.5)) do
    some[#some + 1] = cases[i]
  end
  local n = sweep.run(some, check)
  elsewhere.listener:settimeout(0.05)
  check(not elsewhere.listener:accept(), "a redirect was followed")
  return n
end

--- Proxies that lie. None of them sees the token, which is for the server behind the tunnel.
---@param share number of them
---@return integer cases
function sweep.proxies(share, check)
  local TUNNEL = "HTTP/1.1 200 Connection established\r\n\r\n"
  local scripts = {
    { "refuses", { "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "=close" } },
    { "asks for a password",
      { "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n" } },
    { "redirects",
      { "HTTP/1.1 302 X\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", "=close" } },
    { "answers itself", { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "=close" } },
    { "speaks HTTP in the tunnel", { TUNNEL, 0.05, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "=hang" } },
    { "speaks noise in the tunnel", { TUNNEL, 0.05, ("\1\2\3"):rep(100), "=hang" } },
    { "hangs in the tunnel", { TUNNEL, "=hang" } },
    { "closes the tunnel", { TUNNEL, "=close" } },
    { "resets the tunnel", { TUNNEL, "=reset" } },
    { "hangs", { "=hang" } },
    { "closes", { "=close" } },
    { "resets", { "=reset" } },
    { "floods with interim answers", { { ("HTTP/1.1 100 Continue\r\n\r\n"):rep(1000) } } },
    { "floods with headers", { "HTTP/1.1 200 OK\r\n", { ("X: y\r\n"):rep(1000) } }, "headers-too-large" },
    { "floods with a body", { "HTTP/1.1 500 X\r\n\r\n", { ("x"):rep(60000) } } },
    { "speaks no HTTP", { "\22\3\1\0\5hello", "=close" } },
    { "sends a TLS alert", { TUNNEL, 0.02, "\21\3\3\0\2\2\40", "=close" } },
  }
  local count = 0
  for i = 1, #scripts, math.max(1, math.floor(1 / share + 0.5)) do
    local entry = scripts[i]
    local peer <close> = wire_peer.new()
    peer.keep, peer.script = true, entry[2]
    for _, call in ipairs { CALLS[1], CALLS[3] } do
      local client <close> = assert(awork.client {
        base_url = "https://api.awork.com/api/v1", token = sweep.canary, rate = false, max_wait = 1,
        proxy = "http://127.0.0.1:" .. peer.port, connect_timeout = 0.5,
      })
      local value, err, took
      local start = core.now()
      client:spawn(function()
        value, err = call.call(client, guid(1), { retry = false, timeout = 1 })
        took = core.now() - start
      end)
      check(peer:drive(client, function() return took end, 20), "a proxy that %s: no end", entry[1])
      local fault = took and sweep.fault(value, err, took, 1)
      check(not fault, "a proxy that %s: %s", entry[1], fault)
      check(value == nil, "a proxy that %s: a value", entry[1])
      check(not entry[3] or err.code == entry[3], "a proxy that %s: %s", entry[1], err and err.code)
      count = count + 1
    end
    check(not table.concat(peer.received):find(sweep.canary, 1, true), "a proxy that %s got the token", entry[1])
  end
  return count
end

return sweep
