--- Faults by script: which request goes wrong, and how.
--
-- A fault is `{ kind=, method=, path=, times=1, skip=0, probability=1, seed=1, effect=, … }`. The first one in the
-- list that matches a request and is not used up applies to it. Fields by kind:
--
--   status        status (500), body (string, or table → JSON), code, description, headers, content_type.
--                 403 is the edge's (X-Edge-Ref, no JSON), 502–504 a gateway's HTML, unless `body` or `code` is given
--   delay         seconds (1) before the answer
--   rate_limit    retry_after (number or string; none), reset (1), scope "second"|"minute"
--   reset_before  the connection is reset before the request took effect (how = "close": FIN)
--   reset_after   … after it took effect, without an answer
--   cut           the answer breaks at byte `bytes` (0) of the body (how = "close"|"reset")
--   cut_response  the answer breaks at byte `bytes`, counted from the status line's first (how = "reset"|"close")
--   cut_request   the connection breaks once `bytes` of the request are there, before any effect; within the header
--                 at its end, as a client that has sent it can't tell (how = "reset"|"close")
--   garbage       the body is `data` ("\0\1\2{\"not json"), with content_type (application/json)
--   trickle       the body comes `bytes` (1) at a time, `seconds` (0.01) apart
--   redirect      status (302), location ("https://elsewhere.example/")
--   raw           `data` as the whole answer, then the connection ends (how = "close"|"reset")
--   stale         lists lack the contact infos that were created in the last `lag` seconds (3), as a read replica that
--                 lags behind would answer
--   skew          nothing but `created` and `date`, below
--
-- `effect`: whether the request takes effect first. Default: true for delay, reset_after, cut, cut_response, garbage,
-- trickle, stale and skew. `seconds` delays the answer of every other kind too.
--
-- Every kind can have `lag` too, and tell the wrong time: `created` shifts the createdOn of a contact info that the
-- request creates by so many seconds (a string replaces it), `date` the Date header (false: there is none).
local faults = {}
faults.__index = faults

local KINDS = { -- the default of `effect`
  status = false, delay = true, rate_limit = false, reset_before = false, reset_after = true, cut = true,
  cut_response = true, cut_request = false, garbage = true, trickle = true, redirect = false, raw = false,
  stale = true, skew = true,
}
local PLAIN_ONLY = { cut_response = true, raw = true }
local FIELDS = {
  kind = "string", method = "string", path = "string", times = "number", skip = "number", probability = "number",
  seed = "number", effect = "boolean", status = "number", body = "any", code = "string", description = "string",
  headers = "table", content_type = "string", seconds = "number", retry_after = "any", reset = "number",
  scope = "string", bytes = "number", how = "string", data = "string", location = "string",
  lag = "number", created = "any", date = "any",
}
-- Seconds by which a time can be shifted; those of `created` and `date` may be negative.
local FARTHEST = 1e10

-- How many used-up faults are remembered for the report.
local REMEMBERED = 1000

function faults.new()
  return setmetatable({ list = {}, done = {}, serial = 0 }, faults)
end

local function check(spec, tls)
  for name, v in pairs(spec) do
    local want = FIELDS[name]
    if not want then return "a fault has no field '" .. tostring(name) .. "'" end
    if want ~= "any" and type(v) ~= want then return "fault." .. name .. " must be a " .. want end
    if want == "number" and (v ~= v or v < 0) then return "fault." .. name .. " must not be negative" end
  end
  for _, name in ipairs { "created", "date" } do
    local v = spec[name]
    local ok = v == nil or type(v) == "string" or (name == "date" and v == false)
      or (type(v) == "number" and math.abs(v) <= FARTHEST)
    if not ok then return "fault." .. name .. " must be a number of seconds or a text" end
  end
  if KINDS[spec.kind] == nil then return "there is no fault of kind '" .. tostring(spec.kind) .. "'" end
  if spec.path then
    local ok, message = pcall(string.find, "", spec.path)
    if not ok then return "fault.path is no Lua pattern: " .. message end
  end
  if spec.how and spec.how ~= "reset" and spec.how ~= "close" then return "fault.how must be 'reset' or 'close'" end
  if tls and PLAIN_ONLY[spec.kind] then return "a fault of kind '" .. spec.kind .. "' needs a sandbox without TLS" end
  if spec.kind == "raw" and not spec.data then return "a fault of kind 'raw' needs data" end
end

--- Add a fault. Returns its number, or nil and a message.
function faults:add(spec, tls)
  if type(spec) ~= "table" then return nil, "a fault must be a table" end
  local message = check(spec, tls)
  if message then return nil, message end
  local f = {}
  for name, v in pairs(spec) do f[name] = v end
  self.serial = self.serial + 1
  f.id, f.fired = self.serial, 0
  f.left = f.times or 1
  f.skips = f.skip or 0
  if f.effect == nil then f.effect = KINDS[f.kind] end
  f.random = (math.tointeger(f.seed or 1) or 1) * 0x5851F42D4C957F2D
  f.early = f.kind == "cut_request"
  if f.kind == "stale" then f.lag = f.lag or 3 end
  local list = f.left < 1 and self.done or self.list
  list[#list + 1] = f
  return f.id
end

--- Forget one (by number) or all.
function faults:clear(id)
  if not id then
    self.list, self.done = {}, {}
    return
  end
  for _, list in ipairs { self.list, self.done } do
    for i, f in ipairs(list) do
      if f.id == id then
        table.remove(list, i)
        return
      end
    end
  end
end

--- Is there a fault that needs to see requests before their body?
function faults:any_early()
  for _, f in ipairs(self.list) do
    if f.early then return true end
  end
  return false
end

-- A number in [0, 1) from the fault's own sequence.
local function draw(f)
  f.random = f.random * 0x5851F42D4C957F2D + 0x14057B7EF767814F
  return (f.random >> 11) * 2.0 ^ -53
end

--- The fault that applies to a request now, counted; nil for none.
-- @param early look at those that act while the request is read, or at the others
function faults:find(method, path, early)
  for i, f in ipairs(self.list) do
    if f.early == early and (not f.method or f.method == method) and (not f.path or path:find(f.path)) then
      if f.skips > 0 then
        f.skips = f.skips - 1
      elseif not f.probability or draw(f) < f.probability then
        f.left = f.left - 1
        f.fired = f.fired + 1
        if f.left < 1 then
          table.remove(self.list, i)
          local done = self.done
          done[#done + 1] = f
          if #done > REMEMBERED then table.remove(done, 1) end
        end
        return f
      end
    end
  end
end

--- The faults, oldest first: `{ id=, kind=, method=, path=, fired=, left=, length= }`; `left` absent for no end,
-- `length` the last answer's bytes where cut_response cut it. Of used-up ones the last thousand.
function faults:report()
  local out = {}
  for _, list in ipairs { self.done, self.list } do
    for _, f in ipairs(list) do
      out[#out + 1] = {
        id = f.id, kind = f.kind, method = f.method, path = f.path, fired = f.fired,
        left = f.left < 2 ^ 53 and f.left or nil, length = f.action and f.action.length,
      }
    end
  end
  table.sort(out, function(a, b) return a.id < b.id end)
  return out
end

return faults
