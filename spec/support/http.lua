--- A plain HTTP/1.1 client over cqueues' sockets, for specs of the sandbox: it shows what is on the wire.
local cjson = require "cjson".new()
local errno = require "cqueues.errno"
local socket = require "cqueues.socket"

local http = {}
local connection = {}
connection.__index = connection

local TIMEOUT = 10

--- Under a checker of memory everything takes fifty times as long: sweeps take larger steps there.
http.slow = (os.getenv "AWORK_CHECK" or "plain") ~= "plain"

--- Connect to `origin` ("http://127.0.0.1:1234").
-- @param tls an openssl.ssl.context, to speak TLS
-- @param name what the certificate is to be for
-- @return a connection, or nil and a message
function http.connect(origin, tls, name)
  local host, port = origin:match "^https?://(.*):(%d+)$"
  host = host:match "^%[(.*)%]$" or host
  local family = host:find(":", 1, true) and socket.AF_INET6 or socket.AF_INET
  local s = socket.connect { family = family, host = host, port = tonumber(port), nodelay = true }
  s:settimeout(TIMEOUT)
  s:setmode("bn", "bn")
  s:setbufsiz(1, 4096)
  s:onerror(function(_, _, code) return code end)
  local ok, why = s:connect(TIMEOUT)
  if not ok then return nil, errno.strerror(why) end
  if tls then
    local ssl = require "openssl.ssl".new(tls)
    if name and not name:find "^%d" then ssl:setHostName(name) end
    if name then
      local param = require "openssl.x509.verify_param".new()
      param:setPurpose "sslserver"
      if name:find "^%d" then param:setIP(name) else param:setHost(name) end
      ssl:setParam(param)
    end
    ok, why = s:starttls(ssl, TIMEOUT)
    if not ok then
      s:close()
      return nil, tostring(errno.strerror(why) or why)
    end
  end
  return setmetatable({ socket = s }, connection)
end

--- Send bytes. true, or nil and the error's name.
function connection:send(data)
  local ok, why = self.socket:xwrite(data, "bn", TIMEOUT)
  if ok then return true end
  return nil, errno[why] or tostring(why)
end

local function name_of(why)
  if why == nil then return "closed" end
  if why == errno.ECONNRESET then return "reset" end
  if why == errno.ETIMEDOUT then return "timeout" end
  return tostring(errno[why] or why)
end

--- Some bytes. data, or nil and "closed", "reset" or "timeout".
function connection:receive()
  -- One byte, and what came with it: asked for more, cqueues reads on, and a reset there is lost.
  local data, why = self.socket:xread(-1, "bn", TIMEOUT)
  if not data or data == "" then return nil, name_of(why) end
  local more = self.socket:pending()
  return more > 0 and data .. self.socket:xread(-more, "bn", TIMEOUT) or data
end

--- Everything until the peer ends it. data, "closed" | "reset" | "timeout".
function connection:receive_all()
  local parts = {}
  while true do
    local data, why = self:receive()
    if not data then return table.concat(parts), why end
    parts[#parts + 1] = data
  end
end

--- Read one answer. `{ status=, headers=, body=, raw= }`, or nil, what ended it, and what came so far.
function connection:response(head)
  local buffer = self.rest or ""
  self.rest = nil
  local stop
  while true do
    stop = buffer:find("\r\n\r\n", 1, true)
    if stop and not buffer:find "^HTTP/1.1 100" then break end
    if stop then
      buffer = buffer:sub(stop + 4)
    else
      local data, why = self:receive()
      if not data then return nil, why, buffer end
      buffer = buffer .. data
    end
  end
  local answer = { status = tonumber(buffer:match "^HTTP/1%.[01] (%d+)"), headers = {} }
  for name, value in buffer:sub(1, stop + 1):gmatch "\r\n([^:\r]+):[ ]*([^\r]*)" do
    answer.headers[name:lower()] = value
  end
  local length = tonumber(answer.headers["content-length"]) or 0
  if head or answer.status == 204 or answer.status == 304 then length = 0 end
  local body = buffer:sub(stop + 4)
  while #body < length do
    local data, why = self:receive()
    if not data then
      answer.body = body
      return nil, why, buffer, answer
    end
    body = body .. data
  end
  self.rest = body:sub(length + 1)
  answer.body = body:sub(1, length)
  if (answer.headers["content-type"] or ""):find "json" and answer.body ~= "" then
    local ok, json = pcall(cjson.decode, answer.body)
    if ok then answer.json = json end
  end
  return answer
end

--- A request as bytes.
function http.format(method, target, headers, body)
  local lines = { method .. " " .. target .. " HTTP/1.1", "Host: 127.0.0.1" }
  if type(body) == "table" then
    body = next(body) and cjson.encode(body) or "{}"
    lines[#lines + 1] = "Content-Type: application/json"
  end
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  if body then lines[#lines + 1] = "Content-Length: " .. #body end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

--- Send a request and read its answer.
function connection:request(method, target, headers, body)
  local ok, why = self:send(http.format(method, target, headers, body))
  if not ok then return nil, why end
  return self:response(method == "HEAD")
end

function connection:close()
  self.socket:close()
end

--- A client of one sandbox: `ask(method, path, body, headers)` over one kept connection, the admin's token unless
-- headers say otherwise; `path` goes behind /api/v1.
function http.client(sandbox)
  local conn
  local function ask(method, path, body, headers)
    local all = { Authorization = "Bearer " .. sandbox.token }
    for name, value in pairs(headers or {}) do all[name] = value or nil end
    if headers and headers.Authorization == false then all.Authorization = nil end
    conn = conn or assert(http.connect(sandbox.origin))
    local answer, why, rest, part = conn:request(method, "/api/v1" .. path, all, body)
    if not answer or (answer.headers.connection or ""):lower() == "close" then
      conn:close()
      conn = nil
    end
    if not answer then return nil, why, rest, part end
    return answer
  end
  return ask, function()
    if conn then conn:close() end
    conn = nil
  end
end

--- Send bytes over a connection of their own and take all that comes.
-- @return data, "closed" | "reset" | "timeout"
function http.exchange(origin, bytes)
  local conn = assert(http.connect(origin))
  conn:send(bytes)
  local data, ending = conn:receive_all()
  conn:close()
  return data, ending
end

http.null = cjson.null

return http
