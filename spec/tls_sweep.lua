--- TLS and HTTP/2 that go wrong: certificates, versions, records and frames. For tls_spec.lua and prove/tls.lua.
local awork = require "awork"
local core = require "awork.core"
local cqueues = require "cqueues"
local cqsocket = require "cqueues.socket"
local sandbox = require "awork.sandbox"
local socket = require "socket"
local ssl_context = require "openssl.ssl.context"
local wire = require "wire_sweep"
local x509 = require "openssl.x509"
local pkey = require "openssl.pkey"

local sweep = {}

-- Seconds for a call that may get no answer, and for one that gets one; a checker slows down the handshakes.
local PLAIN = (os.getenv "AWORK_CHECK" or "plain") == "plain"
local SHORT, LONG = PLAIN and 0.7 or 5, 30

local USER = "00000001-0000-4000-8000-000000000000"

-- A directory of its own; removed when closed.
local function scratch()
  local name = os.tmpname()
  os.remove(name)
  assert(os.execute("mkdir -m 700 '" .. name .. "'"))
  return setmetatable({ path = name }, { __close = function()
    os.execute("rm -rf '" .. name .. "'")
  end })
end

local function client_of(url, ca_file, options)
  local merged = { base_url = url, token = wire.canary, rate = false, ca_file = ca_file, max_wait = 1, retries = 0 }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  return assert(awork.client(merged))
end

-- One call in a task, driven by `turn`. Returns what is wrong, the value and the error.
local function call(client, timeout, turn)
  local value, err, took
  local start = core.now()
  client:spawn(function()
    value, err = client:request("GET", "/users/" .. USER, { retry = false, timeout = timeout })
    took = core.now() - start
  end)
  while not took and core.now() < start + 60 do
    client:step()
    if not took then
      turn(client)
    end
  end
  if not took then
    return "no end"
  elseif value ~= nil then
    err = nil
  end
  return wire.fault(value, err, took, timeout), value, err
end

--- Certificates and versions that must not pass: kind "tls", nothing retried, the token not sent.
function sweep.certificates(check)
  local count = 0
  local function refused(name, options, use_ca, code)
    local server <close> = assert(sandbox.start { users = 1, tls = options })
    local client <close> = client_of(server.url, use_ca and server.ca_file or nil)
    local value, err = client.users:me()
    check(value == nil and err.kind == "tls", "%s: %s", name, tostring(err or value))
    check(value or not code or err.code == code, "%s: %s", name, err and err.code)
    check(value or err.attempts <= 1, "%s: retried", name)
    check(#server.requests() == 0, "%s: a request arrived", name)
    count = count + 1
  end
  refused("expired", "expired", true, "certificate")
  refused("wrong host", "wrong_host", true, "certificate")
  refused("self-signed", "self_signed", false, "certificate")
  refused("unknown CA", true, false, "certificate")
  -- Servers of old versions, and that they speak with who lets them.
  local dir <close> = scratch()
  local cert, key = dir.path .. "/cert.pem", dir.path .. "/key.pem"
  assert(os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext "
    .. "subjectAltName=IP:127.0.0.1 -keyout '%s' -out '%s' 2>/dev/null"):format(key, cert)))
  for _, version in ipairs { "tls1", "tls1_1", "tls1_2", "tls1_3" } do
    local old = version == "tls1" or version == "tls1_1"
    local port
    do
      local probe = assert(socket.bind("127.0.0.1", 0))
      port = select(2, probe:getsockname())
      probe:close()
    end
    local pipe = assert(io.popen(("openssl s_server -%s -cipher 'ALL:@SECLEVEL=0' -accept 127.0.0.1:%s -cert '%s' -key "
      .. "'%s' -www -quiet >/dev/null 2>&1 & echo $!"):format(version, port, cert, key)))
    local pid = pipe:read "l"
    pipe:close()
    for _ = 1, 100 do
      local probe = socket.connect("127.0.0.1", port)
      if probe then
        probe:close()
        break
      end
      socket.sleep(0.05)
    end
    local speaks = os.execute(("openssl s_client -%s -cipher 'ALL:@SECLEVEL=0' -connect 127.0.0.1:%s </dev/null "
      .. ">/dev/null 2>&1"):format(version, port))
    check(speaks, "the server of %s does not speak it", version)
    local client <close> = client_of("https://127.0.0.1:" .. port, cert)
    local value, err = client:request("GET", "/", { retry = false, timeout = 5 })
    if old then
      check(value == nil and err.kind == "tls", "%s: %s", version, tostring(err or value))
    else
      -- It answers with a page of its own: a server of today passes the handshake.
      check(value ~= nil or err.kind ~= "tls", "%s: %s", version, tostring(err))
    end
    os.execute("kill " .. pid)
    count = count + 1
  end
  return count
end

-- Passes bytes between clients and a server; what comes from the server through `change(offset, bytes)`, which gives
-- what is passed on and whether the connection ends there.
local function relay(port, change)
  local listener = assert(socket.bind("127.0.0.1", 0, 16))
  listener:settimeout(0)
  local pairs_ = {}
  local self = { port = select(2, listener:getsockname()) }
  local Fd = { __index = { getfd = function(fd) return fd.fd end } }
  local function drop(pair)
    pair[1]:close()
    pair[2]:close()
    pairs_[pair] = nil
  end
  function self.turn(client)
    local readers, writers = { listener }, {}
    for pair in pairs(pairs_) do
      readers[#readers + 1], readers[#readers + 2] = pair[1], pair[2]
    end
    for _, s in ipairs(client:sockets()) do
      local fd = setmetatable({ fd = s.fd }, Fd)
      if s.read then readers[#readers + 1] = fd end
      if s.write then writers[#writers + 1] = fd end
    end
    local ready = socket.select(readers, writers, math.min(client:timeout() or 0.02, 0.02))
    local new = listener:accept()
    if new then
      local other = assert(socket.connect("127.0.0.1", port))
      new:settimeout(0)
      other:settimeout(0)
      pairs_[{ new, other, at = 0 }] = true
    end
    for pair in pairs(pairs_) do
      if ready[pair[1]] then
        local data, why, part = pair[1]:receive(65536)
        pair[2]:settimeout(5)
        pair[2]:send(data or part)
        pair[2]:settimeout(0)
        if why == "closed" then
          drop(pair)
        end
      end
      if pairs_[pair] and ready[pair[2]] then
        local data, why, part = pair[2]:receive(65536)
        data = data or part
        local out, ends = change(pair.at, data)
        pair.at = pair.at + #data
        pair[1]:settimeout(5)
        pair[1]:send(out)
        pair[1]:settimeout(0)
        if why == "closed" or ends then
          drop(pair)
        end
      end
    end
  end
  return setmetatable(self, { __close = function()
    for pair in pairs(pairs_) do
      drop(pair)
    end
    listener:close()
  end })
end

--- A TLS connection cut, and changed, at every byte that the server sends, handshake and answer.
---@return integer cases
---@return integer bytes
function sweep.records(share, check)
  local server <close> = assert(sandbox.start { users = { { id = USER } }, tls = true, log = false, rate_limit = false,
    token = wire.canary })
  local at, mode = nil, nil
  local total = 0
  local link <close> = relay(server.port, function(offset, data)
    total = math.max(total, offset + #data)
    if at and at >= offset and at < offset + #data then
      local i = at - offset + 1
      if mode == "cut" then
        return data:sub(1, i - 1), true
      end
      return data:sub(1, i - 1) .. string.char(data:byte(i) ~ mode) .. data:sub(i + 1)
    end
    return data
  end)
  local function try(name, timeout)
    local client <close> = client_of("https://127.0.0.1:" .. link.port .. "/api/v1", server.ca_file)
    local fault, value, err = call(client, timeout, link.turn)
    check(not fault, "%s: %s", name, fault)
    return value, err
  end
  local usual = wire.describe(try("untouched", LONG) or {})
  check(usual:find(USER, 1, true), "the answer is not there without a fault")
  local count, step, bytes = 0, math.max(1, math.floor(1 / share + 0.5)), total
  for offset = 0, bytes - 1, step do
    for _, how in ipairs { "cut", 0x01, 0x80 } do
      at, mode = offset, how
      local value = try(("TLS byte %d, %s"):format(offset, how), SHORT)
      check(value == nil or wire.describe(value) == usual, "TLS byte %d, %s: another answer", offset, how)
      count = count + 1
    end
  end
  return count, bytes
end

-- ---- HTTP/2 ----

local function frame(kind, flags, stream, payload)
  return string.pack(">I3I1I1I4", #payload, kind, flags, stream) .. payload
end

local DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 5, 6, 7,
  8, 9
local END_STREAM, END_HEADERS, ACK = 1, 4, 1
-- :status 200, content-type application/json
local FIELDS = "\x88\x0f\x10\x10application/json"
local BODY = '{"h2":true}'

-- The frames of a good answer on a stream.
local function good(stream)
  return {
    frame(SETTINGS, 0, 0, ""), frame(SETTINGS, ACK, 0, ""), frame(HEADERS, END_HEADERS, stream, FIELDS),
    frame(DATA, 0, stream, BODY:sub(1, 4)), frame(DATA, END_STREAM, stream, BODY:sub(5)),
  }
end

-- A server that speaks HTTP/2 as it is told: `script(stream)` gives the bytes, and how it ends ("close" or "keep").
local function h2_server(dir)
  local cert, key = dir .. "/cert.pem", dir .. "/key.pem"
  assert(os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 "
    .. "-addext subjectAltName=IP:127.0.0.1 -keyout '%s' -out '%s' 2>/dev/null"):format(key, cert)))
  local function slurp(path)
    local file <close> = assert(io.open(path))
    return file:read "a"
  end
  local context = ssl_context.new("TLS", true)
  context:setCertificate(x509.new(slurp(cert)))
  context:setPrivateKey(pkey.new(slurp(key)))
  context:setAlpnSelect(function()
    return "h2"
  end)
  local listener = cqsocket.listen { host = "127.0.0.1", port = 0 }
  assert(listener:listen())
  local _, _, port = listener:localname()
  local queue = cqueues.new()
  local self = { port = port, ca_file = cert, requests = 0 }
  local function talk(conn)
    conn:onerror(function(_, _, code) return code end)
    conn:setmode("b", "bf")
    if not conn:starttls(context, 5) then
      return
    end
    if not conn:xread(24, "b", 5) then
      return
    end
    while true do
      local head = conn:xread(9, "b", 5)
      if not head or #head < 9 then
        return
      end
      local length, kind, _, stream = string.unpack(">I3I1I1I4", head)
      if length > 0 and not conn:xread(length, "b", 5) then
        return
      end
      if kind == HEADERS then
        self.requests = self.requests + 1
        local bytes, ending = self.script(stream)
        if not conn:xwrite(bytes, "bf", 5) or ending == "close" then
          return
        end
      end
    end
  end
  queue:wrap(function()
    while true do
      local conn = listener:accept(0.5)
      if conn then
        queue:wrap(function()
          pcall(talk, conn)
          conn:close()
        end)
      end
      if self.ends then
        return
      end
    end
  end)
  function self.turn(client)
    client:wait(0.001)
    queue:step(0)
  end
  return setmetatable(self, { __close = function()
    self.ends = true
    listener:close()
  end })
end

--- HTTP/2: GOAWAY, RST_STREAM and what should not be at every frame; the answer cut and changed at every byte.
function sweep.http2(share, check)
  if not core.version.http2 then
    return 0
  end
  local dir <close> = scratch()
  local server <close> = h2_server(dir.path)
  local turn, count = 0, 0
  local skip = math.max(1, math.floor(1 / share + 0.5))
  local client = client_of("https://127.0.0.1:" .. server.port .. "/api/v1", server.ca_file)
  -- must: "value", "error", or either.
  local function try(name, must, script)
    turn = turn + 1
    if turn % skip ~= 0 and skip > 1 then
      return
    end
    server.script = script
    local fault, value, err = call(client, SHORT, server.turn)
    check(not fault, "HTTP/2, %s: %s", name, fault)
    check(value == nil or wire.describe(value) == "{h2=true}", "HTTP/2, %s: another answer", name)
    check(must ~= "value" or value, "HTTP/2, %s: %s", name, tostring(err))
    check(must ~= "error" or value == nil, "HTTP/2, %s: a value", name)
    count = count + 1
    -- What an ill-treated connection does to the next request is no part of this case.
    client:close()
    client = client_of("https://127.0.0.1:" .. server.port .. "/api/v1", server.ca_file)
  end
  for _ = 1, skip do
    try("nothing wrong", "value", function(stream)
      return table.concat(good(stream)), "keep"
    end)
  end
  local frames = #good(1)
  -- What is put in before frame `place`, or after the last one.
  local function insert(name, must, make)
    for place = 1, frames + 1 do
      for _, ending in ipairs { "keep", "close" } do
        try(("%s before frame %d, %s"):format(name, place, ending), place <= frames and must or nil, function(stream)
          local list = good(stream)
          table.insert(list, place, make(stream))
          return table.concat(list), ending
        end)
      end
    end
  end
  -- The same, and nothing after it.
  local function stop(name, make)
    for place = 1, frames do
      for _, ending in ipairs { "keep", "close" } do
        try(("%s instead of frame %d, %s"):format(name, place, ending), "error", function(stream)
          local list = good(stream)
          return table.concat(list, "", 1, place - 1) .. make(stream), ending
        end)
      end
    end
  end
  for code = 0, 14 do
    local function rst(stream)
      return frame(RST_STREAM, 0, stream, string.pack(">I4", code))
    end
    stop("RST_STREAM " .. code, rst)
    insert("RST_STREAM " .. code, nil, rst)
    for _, last in ipairs { 0, 1, 0x7fffffff } do
      local function goaway()
        return frame(GOAWAY, 0, 0, string.pack(">I4I4", last, code) .. "bye")
      end
      stop(("GOAWAY %d, last %d"):format(code, last), goaway)
      insert(("GOAWAY %d, last %d"):format(code, last), nil, goaway)
    end
  end
  local odd = {
    ["PING"] = function() return frame(PING, 0, 0, "12345678") end,
    ["5,000 PINGs"] = function() return frame(PING, 0, 0, "12345678"):rep(5000) end,
    ["5,000 SETTINGS"] = function() return frame(SETTINGS, 0, 0, ""):rep(5000) end,
    ["SETTINGS of nonsense"] = function() return frame(SETTINGS, 0, 0, "abc") end,
    ["SETTINGS with a tiny frame size"] = function() return frame(SETTINGS, 0, 0, "\0\5\0\0\0\1") end,
    ["5,000 empty DATA"] = function(s) return frame(DATA, 0, s, ""):rep(5000) end,
    ["a flood of CONTINUATION"] = function(s)
      return frame(HEADERS, 0, s, FIELDS) .. frame(CONTINUATION, 0, s, "\0\1a\1b"):rep(20000)
    end,
    ["a header of 1 MB"] = function(s)
      return frame(HEADERS, 0, s, "\x88") .. frame(CONTINUATION, 0, s, "\0\1a\127\x81\x7d" .. ("b"):rep(16000)):rep(64)
    end,
    ["an index of no header"] = function(s) return frame(HEADERS, END_HEADERS, s, "\x88\xff\xff\xff\x7f") end,
    ["no status"] = function(s) return frame(HEADERS, END_HEADERS, s, "\x0f\x10\x01a") end,
    ["upper-case header"] = function(s) return frame(HEADERS, END_HEADERS, s, "\x88\0\1A\1b") end,
    ["a window of nothing"] = function() return frame(WINDOW, 0, 0, "\0\0\0\0") end,
    ["too large a window"] = function() return frame(WINDOW, 0, 0, "\x7f\xff\xff\xff") end,
    ["a window of the stream, too large"] = function(s) return frame(WINDOW, 0, s, "\x7f\xff\xff\xff") end,
    ["a push"] = function(s) return frame(PUSH, END_HEADERS, s, "\0\0\0\2" .. FIELDS) end,
    ["PRIORITY on itself"] = function(s) return frame(PRIORITY, 0, s, string.pack(">I4", s) .. "\0") end,
    ["an unknown frame"] = function(s) return frame(0xee, 0xff, s, "what is this") end,
    ["a frame that is too long"] = function(s)
      return string.pack(">I3I1I1I4", 0xffffff, DATA, 0, s) .. ("x"):rep(20000)
    end,
    ["DATA on no stream"] = function() return frame(DATA, 0, 0, "x") end,
    ["HEADERS on another stream"] = function() return frame(HEADERS, END_HEADERS, 77, FIELDS) end,
    ["HEADERS on an even stream"] = function() return frame(HEADERS, END_HEADERS, 2, FIELDS) end,
    ["DATA with too much padding"] = function(s) return frame(DATA, 8, s, "\xffx") end,
    ["HTTP/1.1"] = function() return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" end,
  }
  local names = {}
  for name in pairs(odd) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    insert(name, nil, odd[name])
  end
  -- libcurl 7.88 takes this for the end of an empty body.
  for _ = 1, skip do
    try("a frame that is too long after the head", "error", function(stream)
      return table.concat(good(stream), "", 1, 3) .. odd["a frame that is too long"](stream), "keep"
    end)
  end
  local whole = #table.concat(good(1))
  for at = 0, whole - 1 do
    try(("cut at %d"):format(at), "error", function(stream)
      return table.concat(good(stream)):sub(1, at), "close"
    end)
    -- Of the body alone a change can't be seen.
    if at < whole - 9 - #BODY - 4 then
      for _, mask in ipairs { 0x01, 0x80 } do
        turn = turn + 1
        if turn % skip == 0 then
          server.script = function(stream)
            local text = table.concat(good(stream))
            return text:sub(1, at) .. string.char(text:byte(at + 1) ~ mask) .. text:sub(at + 2), "close"
          end
          local fault = call(client, SHORT, server.turn)
          check(not fault, "HTTP/2, byte %d changed: %s", at, fault)
          count = count + 1
          client:close()
          client = client_of("https://127.0.0.1:" .. server.port .. "/api/v1", server.ca_file)
        end
      end
    end
  end
  client:close()
  return count
end

return sweep
