--- The sandbox's script: runs on the server's thread, in a lua_State of its own, and decides what to answer.
-- C calls `handle` for each request, `early` for one whose header alone is there (only while a fault wants it), and
-- `command` for what the starter asks. Nothing here blocks.
local cjson = require "cjson".new()
local faults = require "awork.sandbox.faults"
local forms = require "awork.sandbox.forms"
local limits = require "awork.sandbox.limits"
local model = require "awork.sandbox.model"
local query = require "awork.sandbox.query"

cjson.encode_sparse_array(true, 1, 0)
cjson.decode_max_depth(64)

local null = cjson.null
local quote = cjson.encode
local find, match, sub, lower = string.find, string.match, string.sub, string.lower

local PREFIX = "/api/v1/"
local LINK = "https://developers.awork.com/"
local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local DEFAULT_USERS, DEFAULT_COMPANIES = 3, 2

local host -- what C offers
local original -- the options of the start, JSON
local settings, store, limiter, tokens, oauth, fault_list, log, counts, workspace_id
local started -- monotonic

-- The clock -----------------------------------------------------------------------------------------------------------

local mono, sec, ticks = 0.0, 0, 0
local iso_second, iso_prefix, date_header

-- Take the clock's three numbers for the request at hand.
local function set_clock(m, s, t)
  mono, sec, ticks = m, s + settings.clock_seconds, t + settings.clock_ticks
  if ticks >= 10000000 then
    sec, ticks = sec + 1, ticks - 10000000
  end
  if sec ~= iso_second then
    local d = os.date("!*t", sec)
    iso_second = sec
    iso_prefix = ("%04d-%02d-%02dT%02d:%02d:%02d."):format(d.year, d.month, d.day, d.hour, d.min, d.sec)
    date_header = ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[d.wday], d.day, MONTHS[d.month], d.year, d.hour,
      d.min, d.sec)
  end
end

local function now_iso()
  return iso_prefix .. ("%07dZ"):format(ticks)
end

-- Answers -------------------------------------------------------------------------------------------------------------

local trace_count = 0
local trace_id

-- The headers of the answer at hand: name, value, name, value …; reused, `head_n` long.
local head, head_n = {}, 0

local function add_header(name, v)
  head[head_n + 1], head[head_n + 2] = name, v
  head_n = head_n + 2
end

local function close_headers()
  for i = #head, head_n + 1, -1 do head[i] = nil end
  return head
end

local JSON = "application/json; charset=utf-8"

local function error_body(code, description, errors)
  local body = { code = code, description = description, link = LINK, traceId = trace_id }
  local text = quote(body)
  if errors then text = sub(text, 1, -2) .. ',"validationErrors":' .. quote(errors) .. "}" end
  return text
end

-- An error's answer: status, body
local function fail(status, code, description, errors)
  return status, error_body(code, description, errors)
end

local function not_found()
  return fail(404, "not-found", "The entity was not found.")
end

local function unauthorized(description)
  return fail(401, "unauthorized", description or "The token is invalid, or lacks the permission.")
end

local function method_not_allowed(allow)
  add_header("Allow", allow)
  return fail(405, "invalid-operation", "The method is not allowed here.")
end

-- The request at hand -------------------------------------------------------------------------------------------------

local req = {} -- method, path, query (raw), token (entry or nil), body, content_type, too_large

local function decode_body()
  local kind = req.content_type
  if kind and not find(lower(kind), "json", 1, true) then
    return nil, fail(415, "invalid-model", "The body must be application/json.")
  end
  if not utf8.len(req.body) then return nil, fail(400, "invalid-model", "The body is not valid UTF-8.") end
  local ok, form = pcall(cjson.decode, req.body)
  if not ok or not find(req.body, "^%s*{") then
    return nil, fail(400, "invalid-model", "The body is not a JSON object.")
  end
  return form
end

local function actor()
  local user = req.token.user
  return user and user.id or nil
end

local function may(right, record)
  local token = req.token
  return token.admin or token.rights[right] or (record and token.user == record) or false
end

-- Lists: filter, order, page; the last answer of a record set is kept until something changes.
-- Returns status, body and adds the paging headers.
local function answer_list(holder, changes, records, fields, json_of)
  local raw = req.query
  local kept = holder.kept
  if not kept or kept.changes ~= changes or kept.raw ~= raw then
    local args = raw ~= "" and query.parse(raw) or {}
    local page, size = 1, settings.page_size
    if args.page then page = math.tointeger(tonumber(args.page)) end
    if args.pagesize then size = math.tointeger(tonumber(args.pagesize)) end
    if not page or page < 1 then return fail(400, "value-out-of-range", "page must be a number from 1 on.") end
    if not size or size < 1 or size > 1000 then
      return fail(400, "value-out-of-range", "pageSize must be a number from 1 to 1000.")
    end
    local message
    if args.filterby and args.filterby ~= "" then
      local condition
      condition, message = query.filter(args.filterby, fields)
      if condition then records, message = query.select(records, condition) end
      if message then return fail(400, "invalid-filter-or-order", "filterby: " .. message .. ".") end
    end
    if args.orderby and args.orderby ~= "" then
      local less
      less, message = query.order(args.orderby, fields)
      if message then return fail(400, "invalid-filter-or-order", "orderby: " .. message .. ".") end
      records = table.move(records, 1, #records, 1, {})
      table.sort(records, less)
    end
    local total = #records
    local from = (page - 1) * size + 1
    local to = math.min(total, page * size)
    kept = {
      changes = changes, raw = raw, page = page, size = size, items = math.max(0, to - from + 1), total = total,
      body = model.json_list(records, from, to, json_of),
    }
    holder.kept = kept
  end
  add_header("aw-page", kept.page)
  add_header("aw-pagesize", kept.size)
  add_header("aw-items", kept.items)
  add_header("aw-totalitems", kept.total)
  return 200, kept.body
end

-- Contact infos -------------------------------------------------------------------------------------------------------

local function check_writable(record)
  if record.data.isArchived then
    return fail(400, "entity-archived", "The " .. record.kind .. " is archived.")
  end
end

local function read_info_form(record, stored)
  local form, status, body = decode_body()
  if not form then return nil, status, body end
  local errors = forms.contact_info(form, record.kind, stored)
  if errors then
    return nil, fail(400, "validation-failed", "The validation of the model failed.", errors)
  end
  return form
end

local function info_collection(record)
  local method = req.method
  if method == "GET" or method == "HEAD" then
    if not may("user-master-data:read", record) and record.kind == "user" then return unauthorized() end
    return answer_list(record, record.changes, record.infos, model.field_names.info, model.info_json)
  elseif method == "POST" then
    if not may("user-master-data:write", record) then return unauthorized() end
    local status, body = check_writable(record)
    if status then return status, body end
    local form
    form, status, body = read_info_form(record)
    if not form then return status, body end
    return 200, store:add_info(record, form, actor()).json
  end
  return method_not_allowed "GET, POST"
end

local function info_entity(record, id)
  local method = req.method
  local info = record.by_id[lower(id)]
  if method == "GET" or method == "HEAD" then
    if not may("user-master-data:read", record) and record.kind == "user" then return unauthorized() end
    if not info then return not_found() end
    return 200, info.json
  elseif method == "PUT" or method == "DELETE" then
    if not may("user-master-data:write", record) then return unauthorized() end
    if not info then return not_found() end
    local status, body = check_writable(record)
    if status then return status, body end
    if method == "DELETE" then
      store:remove_info(record, info, actor())
      return 204
    end
    local form
    form, status, body = read_info_form(record, info.data)
    if not form then return status, body end
    store:put_info(record, info, form, actor())
    return 200, info.json
  end
  return method_not_allowed "GET, PUT, DELETE"
end

-- Users and companies -------------------------------------------------------------------------------------------------

local function json_of(record)
  return store:json(record)
end

local function record_list(kind)
  if req.method ~= "GET" and req.method ~= "HEAD" then return method_not_allowed "GET" end
  local set = store[kind]
  local records, holder = set.list, set
  if kind == "user" then
    if not may "user-master-data:read" then
      -- no error: who may not read others sees themself alone
      local own = req.token.user
      return answer_list(req.token, set.changes, own and { own } or {}, model.field_names.user, json_of)
    end
    local archived = query.parse(req.query).showarchived
    if not (archived and lower(archived) == "true") then
      if set.unarchived_changes ~= set.changes then
        local list = {}
        for _, record in ipairs(set.list) do
          if not record.data.isArchived then list[#list + 1] = record end
        end
        set.unarchived, set.unarchived_changes = list, set.changes
      end
      records = set.unarchived
    end
  end
  return answer_list(holder, set.changes, records, model.field_names[kind], json_of)
end

local function user_with_workspace(user)
  return sub(store:json(user), 1, -2) .. ',"workspace":{"id":"' .. workspace_id .. '","name":"Sandbox"}}'
end

local function me()
  if req.method ~= "GET" and req.method ~= "HEAD" then return method_not_allowed "GET" end
  local user = req.token.user
  if not user then return not_found() end -- an API key is nobody
  return 200, user_with_workspace(user)
end

local function put_user(user)
  local form, status, body = decode_body()
  if not form then return status, body end
  local errors = forms.user(form)
  if errors then return fail(400, "validation-failed", "The validation of the model failed.", errors) end
  status, body = check_writable(user)
  if status then return status, body end
  for name in pairs(forms.user_fields) do user.data[name] = form[name] end
  store:touch(user, actor())
  return 200, store:json(user)
end

local function user_entity(user)
  local method = req.method
  if method == "GET" or method == "HEAD" then
    if not may("user-master-data:read", user) then return unauthorized() end
    return 200, store:json(user)
  elseif method ~= "PUT" and method ~= "DELETE" then
    return method_not_allowed "GET, PUT, DELETE"
  end
  if not may("user-master-data:write", user) then return unauthorized() end
  if method == "PUT" then return put_user(user) end
  store:remove(user)
  return 204
end

local function company_entity(company)
  if req.method ~= "GET" and req.method ~= "HEAD" then return method_not_allowed "GET" end
  return 200, store:json(company)
end

local ACTIONS = {}

function ACTIONS.activate(user)
  user.data.isDeactivated = false
  store:touch(user, actor())
  return 204
end

function ACTIONS.deactivate(user)
  user.data.isDeactivated = true
  store:touch(user, actor())
  local summary = query.parse(req.query).includesummary
  if not (summary and lower(summary) == "true") then return 204 end
  return 200, '{"userId":' .. quote(user.id) .. ',"projectsCount":0,"tasksCount":0,"absencesCount":0}'
end

function ACTIONS.setarchived(user)
  local form, status, body = decode_body()
  if not form then return status, body end
  if type(form.isArchived) ~= "boolean" then
    return fail(400, "validation-failed", "The validation of the model failed.",
      { { property = "IsArchived", message = "'IsArchived' must be a boolean." } })
  end
  user.data.isArchived = form.isArchived
  store:touch(user, actor())
  return 200, store:json(user)
end

-- `first.last@…` gives names, anything else nothing.
local function autofill(email)
  if req.method ~= "GET" and req.method ~= "HEAD" then return method_not_allowed "GET" end
  local first, last = match(email, "^(%a+)%.(%a+)@.+%..+$")
  if not first then return 204 end
  local function name(s) return s:sub(1, 1):upper() .. s:sub(2):lower() end
  return 200, '{"firstName":' .. quote(name(first)) .. ',"lastName":' .. quote(name(last)) .. ',"gender":null}'
end

-- OAuth ---------------------------------------------------------------------------------------------------------------

local BASE64 = {}
for i, c in ipairs { string.byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 1, -1) } do
  BASE64[c] = i - 1
end

local function decode_base64(s)
  local out, bits, width = {}, 0, 0
  for i = 1, #s do
    local digit = BASE64[s:byte(i)]
    if digit then
      bits, width = (bits << 6 | digit) & 0xffffff, width + 6
      if width >= 8 then
        width = width - 8
        out[#out + 1] = string.char(bits >> width & 0xff)
      end
    end
  end
  return table.concat(out)
end

local function oauth_error(status, code, description)
  return status, '{"error":' .. quote(code) .. ',"error_description":' .. quote(description) .. ',"code":'
    .. quote(status == 401 and "unauthorized" or "invalid-operation") .. ',"description":' .. quote(description)
    .. ',"link":' .. quote(LINK) .. ',"traceId":' .. quote(trace_id) .. "}"
end

local function refresh_token()
  if req.method ~= "POST" then return method_not_allowed "POST" end
  if not oauth then return not_found() end
  local kind = req.content_type
  if not kind or not find(lower(kind), "application/x-www-form-urlencoded", 1, true) then
    return oauth_error(400, "invalid_request", "The body must be form-encoded.")
  end
  local form = query.parse(req.body)
  local id, secret = form.client_id, form.client_secret
  local basic = req.authorization and match(req.authorization, "^[Bb]asic%s+(%S+)$")
  if basic then
    id, secret = match(decode_base64(basic), "^([^:]*):(.*)$")
  end
  if id ~= oauth.client_id or (oauth.client_secret and secret ~= oauth.client_secret) then
    return oauth_error(401, "invalid_client", "The client is unknown, or its secret is wrong.")
  end
  if form.grant_type ~= "refresh_token" then
    return oauth_error(400, "unsupported_grant_type", "grant_type must be refresh_token.")
  end
  if form.refresh_token ~= oauth.refresh_token then
    return oauth_error(400, "invalid_grant", "The refresh token is void.")
  end
  oauth.count = oauth.count + 1
  local access = ("sandbox-access-%d-%s"):format(oauth.count, store:guid():gsub("-", ""))
  oauth.refresh_token = ("sandbox-refresh-%d-%s"):format(oauth.count, store:guid():gsub("-", ""))
  tokens[access] = {
    user = oauth.user, admin = oauth.admin, rights = oauth.rights, expires = sec + ticks * 1e-7 + oauth.expires_in,
  }
  return 200, '{"access_token":' .. quote(access) .. ',"token_type":"Bearer","expires_in":' .. quote(oauth.expires_in)
    .. ',"refresh_token":' .. quote(oauth.refresh_token) .. "}"
end

-- Routes --------------------------------------------------------------------------------------------------------------

local function route_record(kind, segments, n)
  if n == 1 then return record_list(kind) end
  local id = query.unescape_path(segments[2])
  if kind == "user" and n == 2 and id == "me" then return me() end
  if kind == "user" and n == 3 and id == "autofill" then return autofill(query.unescape_path(segments[3])) end
  local record = store[kind].by_id[lower(id)]
  if not record then return not_found() end
  if n == 2 then
    if kind == "user" then return user_entity(record) end
    return company_entity(record)
  end
  local what = segments[3]
  if what == "contactinfo" then
    if n == 3 then return info_collection(record) end
    if n == 4 then return info_entity(record, query.unescape_path(segments[4])) end
  elseif kind == "user" and n == 3 and ACTIONS[what] then
    if req.method ~= "POST" then return method_not_allowed "POST" end
    if not may "user-master-data:write" then return unauthorized() end
    return ACTIONS[what](record)
  end
  return not_found()
end

local KINDS = { users = "user", companies = "company" }

-- status, body
local function route()
  local path = req.path
  if path == "/api/v1/accounts/token" or path == "/accounts/token" then return refresh_token() end
  if sub(path, 1, #PREFIX) ~= PREFIX then return not_found() end
  if req.too_large then return fail(413, "request-body-too-large", "The body is too large.") end
  local token = req.token
  if not token then return unauthorized() end
  if token.user and token.user.data.isDeactivated then
    return fail(401, "deactivated-user", "The user is deactivated.")
  end
  if req.method == "OPTIONS" then
    add_header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
    return 204
  end
  local segments, n = {}, 0
  for segment in string.gmatch(sub(path, #PREFIX + 1), "[^/]+") do
    n = n + 1
    segments[n] = segment
  end
  local kind = KINDS[segments[1]]
  if kind then return route_record(kind, segments, n) end
  if n == 1 and segments[1] == "me" then return me() end
  return not_found()
end

-- Faults --------------------------------------------------------------------------------------------------------------

local STATUS_CODES = {
  [400] = "invalid-operation", [401] = "unauthorized", [404] = "not-found", [409] = "concurrency-violation",
  [413] = "request-body-too-large", [429] = "too-many-requests", [500] = "server-error",
}

local function html(status)
  return ("<html><head><title>%d</title></head><body><h1>%d</h1><hr>gateway</body></html>\n"):format(status, status)
end

local function too_many()
  return fail(429, "too-many-requests", "The rate limit is exceeded.")
end

-- status, body, content type, action
local function apply_fault(f)
  local kind = f.kind
  local status, body
  if f.effect then status, body = route() end
  local content_type = f.content_type
  local action = { how = f.how, delay = kind ~= "trickle" and f.seconds or nil }
  f.action = action
  if kind == "delay" then
    action.delay = f.seconds or 1
  elseif kind == "reset_before" or kind == "reset_after" then
    action.drop = f.how or "reset"
  elseif kind == "cut" then
    action.cut = f.bytes or 0
  elseif kind == "cut_response" then
    action.cut_response = f.bytes or 0
  elseif kind == "trickle" then
    action.step, action.pause = math.max(1, f.bytes or 1), f.seconds or 0.01
  elseif kind == "garbage" then
    status, body = f.status or (status ~= 204 and status) or 200, f.data or '\0\1\2{"not json'
  elseif kind == "raw" then
    action.raw = f.data
  elseif kind == "redirect" then
    head_n = 0
    add_header("Location", f.location or "https://elsewhere.example/")
    status, body = f.status or 302, ""
  elseif kind == "rate_limit" then
    head_n = 0
    status, body = too_many()
    if f.retry_after then add_header("Retry-After", f.retry_after) end
  elseif kind == "status" then
    head_n = 0
    status = f.status and math.tointeger(f.status) or 500
    if f.body ~= nil then
      body = type(f.body) == "table" and quote(f.body) or tostring(f.body)
    elseif status == 403 and not f.code then
      add_header("X-Edge-Ref", ("sandbox-edge-%d"):format(trace_count))
      body, content_type = html(403), content_type or "text/html"
    elseif status >= 502 and status <= 504 and not f.code then
      body, content_type = html(status), content_type or "text/html"
    elseif status ~= 204 and status ~= 304 then
      body = error_body(f.code or STATUS_CODES[status] or "server-error", f.description or "A fault of the sandbox.")
    end
  end
  if f.headers then
    for name, v in pairs(f.headers) do add_header(name, tostring(v)) end
  end
  return status, body, content_type, action
end

-- Entry points --------------------------------------------------------------------------------------------------------

-- The log is a ring of columns, not a list of entries: a table for each of ten thousand requests would keep the
-- collector busier than all answers.
local function new_log(limit)
  return {
    limit = limit, count = 0,
    method = {}, target = {}, headers = {}, body = {}, connection = {}, time = {}, elapsed = {}, status = {},
    fault = {},
  }
end

-- Returns the request's place in the log, nil when there is none.
local function log_request(method, target, headers, body, connection)
  counts.requests = counts.requests + 1
  if not log then return nil end
  local at = log.count % log.limit + 1
  log.count = log.count + 1
  log.method[at], log.target[at], log.headers[at], log.body[at] = method, target, headers or false, body or false
  log.connection[at], log.time[at], log.elapsed[at] = connection, sec + ticks * 1e-7, mono - started
  log.status[at], log.fault[at] = false, false
  return at
end

local function find_token(authorization)
  local name = authorization and match(authorization, "^[Bb]earer%s+(%S+)$")
  local token = name and tokens[name]
  if token and token.expires and token.expires <= sec + ticks * 1e-7 then return nil end
  return token
end

local function limit_headers(fault)
  if fault and fault.kind == "rate_limit" then
    local limit = limiter and limiter.second and limiter.second.limit or 50
    local minute = limiter and limiter.minute and limiter.minute.limit or 1000
    local reset = fault.reset or tonumber(fault.retry_after) or 1
    add_header("ratelimit-limit", fault.scope == "minute" and minute or limit)
    add_header("ratelimit-remaining", 0)
    add_header("ratelimit-reset", math.ceil(reset))
    add_header("x-ratelimit-limit-second", limit)
    add_header("x-ratelimit-remaining-second", fault.scope == "minute" and limit or 0)
    add_header("x-ratelimit-limit-minute", minute)
    add_header("x-ratelimit-remaining-minute", fault.scope == "minute" and 0 or minute)
  elseif limiter then
    head_n = limiter:headers(head, head_n)
  end
end

local function handle_request(method, target, authorization, content_type, body, headers, connection, too_large)
  local path, raw_query = match(target, "^([^?]*)%??(.*)$")
  trace_count = trace_count + 1
  trace_id = ("5a0db0c5%016x"):format(trace_count)
  head_n = 0
  local at = log_request(method, target, headers, body, connection)

  req.method, req.path, req.query, req.body, req.content_type = method, path, raw_query, body, content_type
  req.authorization, req.too_large = authorization, too_large
  local token = find_token(authorization)
  req.token = token

  local status, text, kind, action
  local admitted, wait = true, nil
  if limiter then
    if token then
      admitted, wait = limiter:take(mono)
    else
      limiter:look(mono)
    end
  end
  local f
  if not admitted then
    status, text = too_many()
    local retry_after = limiter.retry_after
    if retry_after then
      add_header("Retry-After", retry_after == true and math.ceil(wait) or math.tointeger(retry_after) or retry_after)
    end
  else
    if fault_list.list[1] then f = fault_list:find(method, path, false) end
    if f then
      if limiter and token and f.kind == "reset_before" then limiter:untake() end
      status, text, kind, action = apply_fault(f)
    else
      status, text = route()
    end
  end

  if text and status ~= 204 then add_header("Content-Type", kind or JSON) end
  add_header("Date", date_header)
  add_header("Trace-Id", trace_id)
  limit_headers(f)
  if status then counts[status] = (counts[status] or 0) + 1 end
  if at then
    log.status[at] = not (action and (action.drop or action.raw)) and status or false
    log.fault[at] = f and f.kind or false
  end
  return status or 200, text, close_headers(), action
end

local function handle(method, target, authorization, content_type, body, headers, connection, too_large, m, s, t)
  set_clock(m, s, t)
  local ok, status, text, names, action = xpcall(handle_request, debug.traceback, method, target, authorization,
    content_type, body, headers, connection, too_large)
  if ok then return status, text, names, action end
  counts.failures = counts.failures + 1
  return 500, error_body("server-error", "The sandbox itself failed: " .. tostring(status)),
    { "Content-Type", JSON, "Date", date_header }
end

local function early(method, target, headers, connection, m, s, t)
  local f = fault_list:find(method, match(target, "^[^?]*"), true)
  if not f then return nil end
  set_clock(m, s, t)
  host.early(fault_list:any_early())
  local at = log_request(method, target, headers, nil, connection)
  if at then log.fault[at] = f.kind end
  return f.bytes or 0, f.how or "reset"
end

-- The starter's commands ----------------------------------------------------------------------------------------------

local function info_of()
  local user_ids, company_ids = {}, {}
  for i, record in ipairs(store.user.list) do user_ids[i] = record.id end
  for i, record in ipairs(store.company.list) do company_ids[i] = record.id end
  local first = tokens[settings.token]
  return {
    user_ids = user_ids, company_ids = company_ids, me_id = first and first.user and first.user.id or nil,
    token = settings.token, workspace_id = workspace_id,
    oauth = oauth and {
      client_id = oauth.client_id, client_secret = oauth.client_secret, refresh_token = oauth.refresh_token,
    } or nil,
  }
end

local function misuse(message)
  error({ misuse = message }, 0)
end

local function whole(name, v, low, high)
  local n = math.tointeger(v)
  if not n or n < low or n > high then misuse(("%s must be a whole number from %d to %d"):format(name, low, high)) end
  return n
end

local function fill(kind, what, infos)
  if type(what) == "number" then
    store:invent(kind, whole(kind == "user" and "users" or "companies", what, 0, 1000000), infos)
    return
  end
  for _, fields in ipairs(what) do
    if type(fields) ~= "table" then misuse "users and companies must be a number or a list of tables" end
    local record, message = store:add(kind, fields)
    if not record then misuse(message) end
  end
end

local function clear_kind(kind)
  local set = store[kind]
  set.by_id, set.list, set.extra, set.kept = {}, {}, {}, nil
  set.changes = set.changes + 1
end

-- A user by id, or by its place in the list; nil for none.
local function user_of(v)
  if v == nil or v == false or v == null then return nil end
  local user = type(v) == "string" and store.user.by_id[lower(v)] or store.user.list[math.tointeger(v) or 0]
  if not user then misuse("there is no user " .. tostring(v)) end
  return user
end

local function rights_of(list)
  local rights = {}
  for _, name in ipairs(list or {}) do rights[name] = true end
  return rights
end

local TOKEN_FIELDS = { token = true, user = true, admin = true, rights = true, expires_in = true }

local function add_token(t)
  if type(t) ~= "table" or type(t.token) ~= "string" then misuse "a token must be a table with the field token" end
  for name in pairs(t) do
    if not TOKEN_FIELDS[name] then misuse("a token has no field '" .. tostring(name) .. "'") end
  end
  tokens[t.token] = {
    user = user_of(t.user), admin = t.admin == true, rights = rights_of(t.rights),
    expires = t.expires_in and sec + ticks * 1e-7 + t.expires_in or nil,
  }
end

local function set_tokens(list)
  tokens = {}
  local first = store.user.list[1]
  tokens[settings.token] = { admin = true, user = first, rights = {} }
  for _, t in ipairs(list or {}) do add_token(t) end
end

local function set_oauth(options)
  if options == false then
    oauth = nil
    return
  end
  options = options or {}
  local user = options.user == nil and store.user.list[1] or user_of(options.user)
  oauth = {
    client_id = options.client_id or "sandbox-client", client_secret = options.client_secret,
    refresh_token = options.refresh_token or "sandbox-refresh-0", expires_in = options.expires_in or 86400,
    user = user, admin = options.admin ~= false, rights = rights_of(options.rights), count = 0,
  }
  if options.client_secret == nil and not options.public then oauth.client_secret = "sandbox-secret" end
end

local function set_limits(options)
  local made, message = limits.new(options, host.clock())
  if message then misuse(message) end
  limiter = made
end

local function set_log(v)
  local limit = v == false and 0 or type(v) == "number" and whole("log", v, 0, 10000000) or 10000
  log = limit > 0 and new_log(limit) or nil
  host.headers(log ~= nil)
end

local function set_clock_offset(v)
  if type(v) ~= "number" or v ~= v or math.abs(v) > 1e10 then misuse "clock_offset must be a number of seconds" end
  settings.clock_seconds = math.floor(v)
  settings.clock_ticks = math.floor((v - settings.clock_seconds) * 1e7)
  iso_second = nil
  set_clock(host.clock())
end

local OPTIONS = { users = true, companies = true, contact_infos_per_user = true, contact_infos_per_company = true,
  max_contact_infos = true, token = true, tokens = true, oauth = true, rate_limit = true, log = true, now = true,
  clock_offset = true, seed = true, page_size = true }

-- Set everything up as `options` say.
local function setup(options)
  for name in pairs(options) do
    if not OPTIONS[name] then misuse("there is no option '" .. tostring(name) .. "'") end
  end
  local m, s = host.clock()
  started = m
  settings = { clock_seconds = 0, clock_ticks = 0, token = options.token or "sandbox-token" }
  set_clock_offset((options.now and options.now - s or 0) + (options.clock_offset or 0))
  settings.page_size = options.page_size and whole("page_size", options.page_size, 1, 1000) or 10
  settings.per_user = whole("contact_infos_per_user", options.contact_infos_per_user or 0, 0, 10000)
  settings.per_company = whole("contact_infos_per_company", options.contact_infos_per_company or 0, 0, 10000)
  local max = options.max_contact_infos and whole("max_contact_infos", options.max_contact_infos, 1, 1000000)
  store = model.new(math.tointeger(options.seed or 1) or 1, now_iso, max)
  workspace_id = store:guid()
  fill("user", options.users or DEFAULT_USERS, settings.per_user)
  fill("company", options.companies or DEFAULT_COMPANIES, settings.per_company)
  set_tokens(options.tokens)
  set_oauth(options.oauth)
  set_limits(options.rate_limit)
  set_log(options.log)
  fault_list = faults.new()
  host.early(false)
  counts = { requests = 0, failures = 0 }
end

local COMMANDS = {}

function COMMANDS.fault(c)
  local spec = c.fault
  if type(spec.retry_after) == "number" then -- numbers come as floats
    spec.retry_after = math.tointeger(spec.retry_after) or spec.retry_after
  end
  local id, message = fault_list:add(spec, host.tls)
  if not id then misuse(message) end
  host.early(fault_list:any_early())
  return quote(id)
end

function COMMANDS.clear_faults(c)
  fault_list:clear(c.id)
  host.early(fault_list:any_early())
  return "null"
end

function COMMANDS.faults()
  local report = fault_list:report()
  return report[1] and quote(report) or "[]"
end

local function headers_of(text)
  local headers = {}
  for name, v in string.gmatch(text or "", "([^:\n]+): ([^\n]*)\n") do
    headers[name] = headers[name] and headers[name] .. ", " .. v or v
  end
  return headers
end

function COMMANDS.requests()
  if not log then return "[]" end
  local parts = {}
  for i = math.max(0, log.count - log.limit), log.count - 1 do
    local at = i % log.limit + 1
    local path, raw = match(log.target[at], "^([^?]*)%??(.*)$")
    parts[#parts + 1] = quote {
      method = log.method[at], target = log.target[at], path = path, query = raw, args = query.parse(raw),
      headers = headers_of(log.headers[at]), body = log.body[at] or nil, status = log.status[at] or nil,
      time = log.time[at], elapsed = log.elapsed[at], connection = log.connection[at], fault = log.fault[at] or nil,
    }
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

function COMMANDS.clear_requests()
  if log then log = new_log(log.limit) end
  counts = { requests = 0, failures = 0 }
  if limiter then limiter.refused = 0 end
  return "null"
end

function COMMANDS.stats()
  local total, open = host.connections()
  local by_status = {}
  for status, n in pairs(counts) do
    if type(status) == "number" then by_status[tostring(status)] = n end
  end
  return quote {
    requests = counts.requests, failures = counts.failures, status = by_status,
    refused = limiter and limiter.refused or 0, connections = total, open_connections = open,
    memory = collectgarbage "count" * 1024,
  }
end

function COMMANDS.state()
  return '{"users":' .. model.json_list(store.user.list, 1, #store.user.list, json_of) .. ',"companies":'
    .. model.json_list(store.company.list, 1, #store.company.list, json_of) .. "}"
end

function COMMANDS.contact_infos(c)
  local id = lower(c.id)
  local record = store.user.by_id[id] or store.company.by_id[id]
  if not record then misuse("there is no user or company " .. c.id) end
  return model.json_list(record.infos, 1, #record.infos, model.info_json)
end

function COMMANDS.set(c)
  local o = c.options
  for name in pairs(o) do
    if not OPTIONS[name] or name == "seed" or name == "now" or name == "token" or name == "max_contact_infos" then
      misuse("'" .. tostring(name) .. "' can't be set at run time")
    end
  end
  if o.contact_infos_per_user then
    settings.per_user = whole("contact_infos_per_user", o.contact_infos_per_user, 0, 10000)
  end
  if o.contact_infos_per_company then
    settings.per_company = whole("contact_infos_per_company", o.contact_infos_per_company, 0, 10000)
  end
  if o.page_size then settings.page_size = whole("page_size", o.page_size, 1, 1000) end
  if o.clock_offset then set_clock_offset(o.clock_offset) end
  if o.users then
    clear_kind "user"
    fill("user", o.users, settings.per_user)
    set_tokens() -- they belonged to users who are gone
    set_oauth()
  end
  if o.companies then
    clear_kind "company"
    fill("company", o.companies, settings.per_company)
  end
  if o.tokens then set_tokens(o.tokens) end
  if o.oauth ~= nil then set_oauth(o.oauth) end
  if o.rate_limit ~= nil then set_limits(o.rate_limit) end
  if o.log ~= nil then set_log(o.log) end
  return quote(info_of())
end

function COMMANDS.reset()
  setup(cjson.decode(original))
  return quote(info_of())
end

local function reply_error(err)
  local misused = type(err) == "table" and err.misuse
  return quote { ok = false, misuse = misused ~= nil and misused ~= false, error = misused or tostring(err) }
end

local function command(json)
  set_clock(host.clock())
  local ok, result = pcall(function()
    local c = cjson.decode(json)
    return COMMANDS[c.command](c)
  end)
  if ok then return '{"ok":true,"result":' .. result .. "}" end
  return reply_error(result)
end

local server = {}

--- Called once by C.
-- @param options JSON
-- @param offered what C offers: early(on), headers(on), connections(), clock(), tls
-- @return handle, early, command, the info for the starter (JSON)
function server.open(options, offered)
  host, original = offered, options
  local ok, err = pcall(setup, cjson.decode(options))
  if not ok then error(type(err) == "table" and "misuse: " .. err.misuse or err, 0) end
  return handle, early, command, quote(info_of())
end

return server
