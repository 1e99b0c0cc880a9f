--- A server that says what it is told to, byte by byte, in the same process: for wire_spec.lua and prove/wire.lua.
--
-- It is driven by the loop that drives the client: `peer:drive(client, done)`. What it answers hangs on the GUID in
-- the path of a request, `peer.scripts[guid]`: a list of
--     "bytes"      sent
--     0.01         a pause, seconds
--     { "bytes" }  sent again and again, without end
--     "=close", "=reset", "=hang"   the end: in order, with a RST, or silence
-- A script without an end keeps the connection for the next request.
local socket = require "socket"
local now = require "awork.core".now

local Peer = {}
Peer.__index = Peer

local peer = {}

--- A listening one.
function peer.new()
  local listener = assert(socket.bind("127.0.0.1", 0, 128))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  return setmetatable({
    listener = listener, port = tonumber(port), url = "http://127.0.0.1:" .. port .. "/api/v1",
    scripts = {}, connections = {}, count = 0, accepted = 0, received = {}, keep = false,
  }, Peer)
end

local function shut(self, conn, how)
  if how == "=reset" then
    conn.sock:setoption("linger", { on = true, timeout = 0 })
  end
  conn.sock:close()
  self.connections[conn] = nil
  self.count = self.count - 1
end

-- Sends as much as goes; true once all of `out` is sent, nil if the peer is gone.
local function flush(conn)
  while conn.out do
    local sent, why, part = conn.sock:send(conn.out, conn.at)
    if sent then
      conn.out = nil
    else
      conn.at = part + 1
      if why == "timeout" then
        return false
      end
      return nil
    end
  end
  return true
end

-- Begins the script of the request that came, if it is whole.
local function begin(self, conn)
  local _, stop = conn.input:find("\r\n\r\n", 1, true)
  if stop then
    local head = conn.input:sub(1, stop)
    local length = tonumber(head:lower():match "\r\ncontent%-length: *(%d+)") or 0
    if #conn.input >= stop + length then
      conn.input = conn.input:sub(stop + length + 1)
      local guid = head:match "%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x"
      conn.script, conn.step = self.scripts[guid] or self.script or { "=close" }, 1
    end
  end
end

-- Goes on with the script of a connection; at its end with that of a request which came before.
local function play(self, conn)
  while conn.script do
    local state = flush(conn)
    if state == nil then
      return shut(self, conn)
    elseif not state or conn.wake and now() < conn.wake then
      return
    end
    conn.wake = nil
    local action = conn.script[conn.step]
    conn.step = conn.step + 1
    if action == nil then
      conn.script = nil
      begin(self, conn)
    elseif action == "=hang" then
      conn.script, conn.hung = nil, true
    elseif action == "=close" or action == "=reset" then
      return shut(self, conn, action)
    elseif type(action) == "number" then
      conn.wake = now() + action
    elseif type(action) == "table" then
      conn.out, conn.at, conn.step = action[1], 1, conn.step - 1
    elseif action ~= "" then
      conn.out, conn.at = action, 1
    end
  end
end

-- Takes what came.
local function read(self, conn)
  local data, why, part = conn.sock:receive(65536)
  data = data or part
  if self.keep and data then
    self.received[#self.received + 1] = data
  end
  conn.input = conn.input .. (data or "")
  if why == "closed" then
    return shut(self, conn)
  end
  if not conn.script and not conn.hung then
    begin(self, conn)
  end
end

local Fd = {}
Fd.__index = Fd
function Fd:getfd()
  return self.fd
end

--- Drives the client, or a list of them, and this server until `done()`.
---@param client table
---@param done fun(): boolean
---@param most? number seconds, 60
---@return boolean
function Peer:drive(client, done, most)
  local clients = client[1] and client or { client }
  local limit = now() + (most or 60)
  while not done() do
    if now() > limit then
      return false
    end
    local wait = 0.05
    for _, each in ipairs(clients) do
      each:step()
      wait = math.min(wait, each:timeout() or wait)
    end
    if done() then
      break
    end
    local readers, writers = { self.listener }, {}
    for conn in pairs(self.connections) do
      readers[#readers + 1] = conn.sock
      if conn.out then
        writers[#writers + 1] = conn.sock
      end
      if conn.wake then
        wait = math.min(wait, math.max(0, conn.wake - now()))
      end
    end
    for _, each in ipairs(clients) do
      for _, s in ipairs(each:sockets()) do
        local fd = setmetatable({ fd = s.fd }, Fd)
        if s.read then
          readers[#readers + 1] = fd
        end
        if s.write then
          writers[#writers + 1] = fd
        end
      end
    end
    local readable = socket.select(readers, writers, wait)
    while true do
      local sock = self.listener:accept()
      if not sock then
        break
      end
      sock:settimeout(0)
      sock:setoption("tcp-nodelay", true)
      self.accepted, self.count = self.accepted + 1, self.count + 1
      local conn = { sock = sock, input = "" }
      self.connections[conn] = true
      readable[sock] = true
      if self.greeting then
        conn.script, conn.step = self.greeting, 1
      end
    end
    local list = {}
    for conn in pairs(self.connections) do
      list[#list + 1] = conn
    end
    for _, conn in ipairs(list) do
      if readable[conn.sock] then
        read(self, conn)
      end
      if conn.script and self.connections[conn] then
        play(self, conn)
      end
    end
  end
  return true
end

function Peer:close()
  for conn in pairs(self.connections) do
    conn.sock:close()
  end
  self.connections = {}
  self.listener:close()
end
Peer.__close = Peer.close

return peer
