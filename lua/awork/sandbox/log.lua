--- The requests the server got: the last so many.
--
-- A ring of columns, not a list of entries: a table for each of ten thousand requests would keep the collector busier
-- than all answers.
local answers = require "awork.sandbox.answers"
local query = require "awork.sandbox.query"

local log = {}
log.__index = log

--- @param limit how many it keeps, 1 at least
function log.new(limit)
  return setmetatable({
    limit = limit, count = 0,
    method = {}, target = {}, headers = {}, body = {}, connection = {}, time = {}, elapsed = {}, status = {},
    fault = {},
  }, log)
end

--- Note a request.
-- @param time the server's clock; elapsed: seconds since the start
-- @return its place, for `finish`
function log:add(method, target, headers, body, connection, time, elapsed)
  local at = self.count % self.limit + 1
  self.count = self.count + 1
  self.method[at], self.target[at], self.headers[at], self.body[at] = method, target, headers or false, body or false
  self.connection[at], self.time[at], self.elapsed[at] = connection, time, elapsed
  self.status[at], self.fault[at] = false, false
  return at
end

--- Note how it ended.
-- @param status or false when it was broken off; fault: its kind, or false
function log:finish(at, status, fault)
  self.status[at], self.fault[at] = status, fault
end

local function headers_of(text)
  local headers = {}
  for name, v in string.gmatch(text or "", "([^:\n]+): ([^\n]*)\n") do
    headers[name] = headers[name] and headers[name] .. ", " .. v or v
  end
  return headers
end

--- All of them as JSON, oldest first.
function log:json()
  local parts = {}
  for i = math.max(0, self.count - self.limit), self.count - 1 do
    local at = i % self.limit + 1
    local path, raw = string.match(self.target[at], "^([^?]*)%??(.*)$")
    parts[#parts + 1] = answers.encode {
      method = self.method[at], target = self.target[at], path = path, query = raw, args = query.parse(raw),
      headers = headers_of(self.headers[at]), body = self.body[at] or nil, status = self.status[at] or nil,
      time = self.time[at], elapsed = self.elapsed[at], connection = self.connection[at],
      fault = self.fault[at] or nil,
    }
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

return log
