--- The request at hand and what its answer is made of: headers, error bodies, pages.
--
-- One object serves all requests, one after the other. Fields of the request: `method`, `path`, `query` (raw),
-- `token` (entry or nil), `authorization`, `body`, `content_type`, `too_large`, `fault` (or nil); of the answer:
-- `trace_id`, `head` (name, value, name, value …, `head_n` long).
local cjson = require "cjson".new()
local model = require "awork.sandbox.model"
local query = require "awork.sandbox.query"

cjson.encode_sparse_array(true, 1, 0)
cjson.decode_max_depth(64)

local quote = cjson.encode
local find, sub, lower = string.find, string.sub, string.lower

local answers = {}
answers.__index = answers

answers.LINK = "https://developers.awork.com/"
answers.JSON = "application/json; charset=utf-8"

--- A table as JSON, an empty one as an object.
answers.encode = quote
--- JSON as a table; raises what cjson raises.
answers.decode = cjson.decode

function answers.new()
  return setmetatable({ head = {}, head_n = 0, trace_count = 0 }, answers)
end

--- Begin the next request.
function answers:begin()
  self.trace_count = self.trace_count + 1
  self.trace_id = ("5a0db0c5%016x"):format(self.trace_count)
  self.head_n = 0
  self.fault = nil
end

--- Add a header to the answer.
function answers:header(name, value)
  local head, n = self.head, self.head_n
  head[n + 1], head[n + 2] = name, value
  self.head_n = n + 2
end

--- Forget the headers there are.
function answers:clear_headers()
  self.head_n = 0
end

--- The headers, as C takes them.
function answers:close_headers()
  local head = self.head
  for i = #head, self.head_n + 1, -1 do head[i] = nil end
  return head
end

--- An error's body, in awork's shape.
-- @param errors the validation errors, or nil
function answers:error_body(code, description, errors)
  if not utf8.len(description) then description = description:gsub("[\x80-\xff]", "?") end -- what a query said
  local text = quote { code = code, description = description, link = answers.LINK, traceId = self.trace_id }
  if errors then text = sub(text, 1, -2) .. ',"validationErrors":' .. quote(errors) .. "}" end
  return text
end

--- An error's answer: status, body
function answers:fail(status, code, description, errors)
  return status, self:error_body(code, description, errors)
end

function answers:not_found()
  return self:fail(404, "not-found", "The entity was not found.")
end

function answers:unauthorized(description)
  return self:fail(401, "unauthorized", description or "The token is invalid, or lacks the permission.")
end

function answers:method_not_allowed(allow)
  self:header("Allow", allow)
  return self:fail(405, "invalid-operation", "The method is not allowed here.")
end

--- A form that breaks rules.
-- @param errors list of `{ property=, message= }`
function answers:invalid(errors)
  return self:fail(400, "validation-failed", "The validation of the model failed.", errors)
end

--- The body as a table; or nil, status, body of the refusal.
function answers:decode_body()
  local kind = self.content_type
  if kind and not find(lower(kind), "json", 1, true) then
    return nil, self:fail(415, "invalid-model", "The body must be application/json.")
  end
  if not utf8.len(self.body) then return nil, self:fail(400, "invalid-model", "The body is not valid UTF-8.") end
  local ok, form = pcall(cjson.decode, self.body)
  if not ok or not find(self.body, "^%s*{") then
    return nil, self:fail(400, "invalid-model", "The body is not a JSON object.")
  end
  return form
end

-- The page and its size that a list is asked for; or nil and a message.
local function page_of(args, default_size)
  local page, size = 1, default_size
  if args.page then page = math.tointeger(tonumber(args.page)) end
  if args.pagesize then size = math.tointeger(tonumber(args.pagesize)) end
  if not page or page < 1 then return nil, "page must be a number from 1 on." end
  if not size or size < 1 or size > 1000 then return nil, "pageSize must be a number from 1 to 1000." end
  return page, size
end

-- The records that the arguments ask for, in order; or nil and a message. `env` as for query.filter.
local function select_records(records, fields, args, env, shuffle)
  local message
  if args.filterby and args.filterby ~= "" then
    local condition
    condition, message = query.filter(args.filterby, fields, env)
    if condition then records, message = query.select(records, condition) end
    if message then return nil, "filterby: " .. message .. "." end
  end
  local order = args.orderby ~= "" and args.orderby
  if order or shuffle then
    records = table.move(records, 1, #records, 1, {})
  end
  if order then
    local less
    less, message = query.order(order, fields)
    if message then return nil, "orderby: " .. message .. "." end
    table.sort(records, less)
  elseif shuffle then
    for i = #records, 2, -1 do
      local k = shuffle() % i + 1
      records[i], records[k] = records[k], records[i]
    end
  end
  return records
end

-- The same, kept until something changes: for the pages that will be asked for next.
local function selected(holder, changes, records, fields, args, env, shuffle)
  if not (args.filterby or args.orderby or shuffle) then return records end
  local key, kept = (args.filterby or "") .. "\0" .. (args.orderby or ""), holder.selected
  if kept and kept.changes == changes and kept.key == key and kept.of == #records then return kept.records end
  local result, message = select_records(records, fields, args, env, shuffle)
  if result and not (env.used or shuffle) then
    holder.selected = { changes = changes, key = key, of = #records, records = result }
  end
  return result, message
end

--- A list: filtered, ordered, one page of it, with the paging headers; the last answer is kept until something changes.
-- @param world its settings: `page_size`, `list_order`
-- @param holder a table where the answer is kept, in its field `kept`
-- @param changes a number that differs after each change
-- @return status, body
function answers:list(world, holder, changes, records, fields, json_of)
  local raw = self.query
  local kept = holder.kept
  if not kept or kept.changes ~= changes or kept.raw ~= raw then
    local args = raw ~= "" and query.parse(raw) or {}
    local page, size = page_of(args, world.settings.page_size)
    if not page then return self:fail(400, "value-out-of-range", size) end
    local env = { me = self.token.user.id, sec = world.clock.sec, ticks = world.clock.ticks }
    local shuffle = world.settings.list_order == "shuffled" and function() return world.store:draw() end
    local message
    records, message = selected(holder, changes, records, fields, args, env, shuffle)
    if not records then return self:fail(400, "invalid-filter-or-order", message) end
    local total = #records
    local from = (page - 1) * size + 1
    local to = math.min(total, page * size)
    kept = {
      changes = changes, raw = raw, page = page, size = size, items = math.max(0, to - from + 1), total = total,
      body = model.json_list(records, from, to, json_of),
    }
    if not (env.used or shuffle) then holder.kept = kept end
  end
  self:header("aw-page", kept.page)
  self:header("aw-pagesize", kept.size)
  self:header("aw-items", kept.items)
  self:header("aw-totalitems", kept.total)
  return 200, kept.body
end

return answers
