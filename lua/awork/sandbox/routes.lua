--- Which request is answered how: paths, permissions, and the endpoints themselves.
local answers = require "awork.sandbox.answers"
local forms = require "awork.sandbox.forms"
local model = require "awork.sandbox.model"
local oauth = require "awork.sandbox.oauth"
local query = require "awork.sandbox.query"

local quote = answers.encode
local match, sub, lower = string.match, string.sub, string.lower

local PREFIX = "/api/v1/"

local routes = {}

local function actor(req)
  local user = req.token.user
  return user and user.id or nil
end

local function may(req, right, record)
  local token = req.token
  return token.admin or token.rights[right] or (record and token.user == record) or false
end

-- Contact infos -------------------------------------------------------------------------------------------------------

local function check_writable(req, record)
  if record.data.isArchived then
    return req:fail(400, "entity-archived", "The " .. record.kind .. " is archived.")
  end
end

local function read_info_form(req, record, stored)
  local form, status, body = req:decode_body()
  if not form then return nil, status, body end
  local errors = forms.contact_info(form, record.kind, stored)
  if errors then return nil, req:invalid(errors) end
  return form
end

-- The contact infos of a record that an answer shows: a fault may let it lag behind by so many seconds.
local function visible_infos(world, req, record)
  local lag = req.fault and req.fault.lag
  if not lag then return record.infos end
  local latest, list = world.clock:epoch() - lag, {}
  for _, info in ipairs(record.infos) do
    if not info.born or info.born <= latest then list[#list + 1] = info end
  end
  return list
end

-- Where a list that is answered is kept for the next request: one that lags behind is not.
local function keeper(req, holder)
  return req.fault and req.fault.lag and {} or holder
end

-- A user or company, as it is shown.
local function shown(world, req, record)
  return world.store:json(record, visible_infos(world, req, record))
end

local function info_collection(world, req, record)
  local method = req.method
  if method == "GET" or method == "HEAD" then
    if not may(req, "user-master-data:read", record) and record.kind == "user" then return req:unauthorized() end
    return req:list(keeper(req, record), record.changes, visible_infos(world, req, record), model.field_names.info,
      model.info_json, world.settings.page_size)
  elseif method == "POST" then
    if not may(req, "user-master-data:write", record) then return req:unauthorized() end
    local status, body = check_writable(req, record)
    if status then return status, body end
    local form
    form, status, body = read_info_form(req, record)
    if not form then return status, body end
    local created = req.fault and req.fault.created
    if created then form.createdOn = world.clock:shifted_iso(created) end
    local info = world.store:add_info(record, form, actor(req))
    info.born = world.clock:epoch()
    return 200, info.json
  end
  return req:method_not_allowed "GET, POST"
end

local function info_entity(world, req, record, id)
  local method = req.method
  local info = record.by_id[lower(id)]
  if method == "GET" or method == "HEAD" then
    if not may(req, "user-master-data:read", record) and record.kind == "user" then return req:unauthorized() end
    if not info then return req:not_found() end
    return 200, info.json
  elseif method == "PUT" or method == "DELETE" then
    if not may(req, "user-master-data:write", record) then return req:unauthorized() end
    if not info then return req:not_found() end
    local status, body = check_writable(req, record)
    if status then return status, body end
    if method == "DELETE" then
      world.store:remove_info(record, info, actor(req))
      return 204
    end
    local form
    form, status, body = read_info_form(req, record, info.data)
    if not form then return status, body end
    world.store:put_info(record, info, form, actor(req))
    return 200, info.json
  end
  return req:method_not_allowed "GET, PUT, DELETE"
end

-- Users and companies -------------------------------------------------------------------------------------------------

local function record_list(world, req, kind)
  if req.method ~= "GET" and req.method ~= "HEAD" then return req:method_not_allowed "GET" end
  local store, size = world.store, world.settings.page_size
  local function json_of(record) return shown(world, req, record) end
  local set = store[kind]
  local records, holder = set.list, set
  if kind == "user" then
    if not may(req, "user-master-data:read") then
      -- no error: who may not read others sees themself alone
      local own = req.token.user
      return req:list(keeper(req, req.token), set.changes, own and { own } or {}, model.field_names.user, json_of, size)
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
  return req:list(keeper(req, holder), set.changes, records, model.field_names[kind], json_of, size)
end

local function me(world, req)
  if req.method ~= "GET" and req.method ~= "HEAD" then return req:method_not_allowed "GET" end
  local user = req.token.user
  if not user then return req:not_found() end -- an API key is nobody
  return 200, sub(world.store:json(user), 1, -2) .. ',"workspace":{"id":"' .. world.workspace_id
    .. '","name":"Sandbox"}}'
end

local function put_user(world, req, user)
  local form, status, body = req:decode_body()
  if not form then return status, body end
  local errors = forms.user(form)
  if errors then return req:invalid(errors) end
  status, body = check_writable(req, user)
  if status then return status, body end
  for name in pairs(forms.user_fields) do user.data[name] = form[name] end
  world.store:touch(user, actor(req))
  return 200, world.store:json(user)
end

local function user_entity(world, req, user)
  local method = req.method
  if method == "GET" or method == "HEAD" then
    if not may(req, "user-master-data:read", user) then return req:unauthorized() end
    return 200, shown(world, req, user)
  elseif method ~= "PUT" and method ~= "DELETE" then
    return req:method_not_allowed "GET, PUT, DELETE"
  end
  if not may(req, "user-master-data:write", user) then return req:unauthorized() end
  if method == "PUT" then return put_user(world, req, user) end
  world.store:remove(user)
  return 204
end

local function company_entity(world, req, company)
  if req.method ~= "GET" and req.method ~= "HEAD" then return req:method_not_allowed "GET" end
  return 200, shown(world, req, company)
end

local ACTIONS = {}

function ACTIONS.activate(world, req, user)
  user.data.isDeactivated = false
  world.store:touch(user, actor(req))
  return 204
end

function ACTIONS.deactivate(world, req, user)
  user.data.isDeactivated = true
  world.store:touch(user, actor(req))
  local summary = query.parse(req.query).includesummary
  if not (summary and lower(summary) == "true") then return 204 end
  return 200, '{"userId":' .. quote(user.id) .. ',"projectsCount":0,"tasksCount":0,"absencesCount":0}'
end

function ACTIONS.setarchived(world, req, user)
  local form, status, body = req:decode_body()
  if not form then return status, body end
  if type(form.isArchived) ~= "boolean" then
    return req:invalid { { property = "IsArchived", message = "'IsArchived' must be a boolean." } }
  end
  user.data.isArchived = form.isArchived
  world.store:touch(user, actor(req))
  return 200, world.store:json(user)
end

-- `first.last@…` gives names, anything else nothing.
local function autofill(req, email)
  if req.method ~= "GET" and req.method ~= "HEAD" then return req:method_not_allowed "GET" end
  local first, last = match(email, "^(%a+)%.(%a+)@.+%..+$")
  if not first then return 204 end
  local function name(s) return s:sub(1, 1):upper() .. s:sub(2):lower() end
  return 200, '{"firstName":' .. quote(name(first)) .. ',"lastName":' .. quote(name(last)) .. ',"gender":null}'
end

-- Routes --------------------------------------------------------------------------------------------------------------

local function route_record(world, req, kind, segments, n)
  if n == 1 then return record_list(world, req, kind) end
  local id = query.unescape_path(segments[2])
  if kind == "user" and n == 2 and id == "me" then return me(world, req) end
  if kind == "user" and n == 3 and id == "autofill" then return autofill(req, query.unescape_path(segments[3])) end
  local record = world.store[kind].by_id[lower(id)]
  if not record then return req:not_found() end
  if n == 2 then
    if kind == "user" then return user_entity(world, req, record) end
    return company_entity(world, req, record)
  end
  local what = segments[3]
  if what == "contactinfo" then
    if n == 3 then return info_collection(world, req, record) end
    if n == 4 then return info_entity(world, req, record, query.unescape_path(segments[4])) end
  elseif kind == "user" and n == 3 and ACTIONS[what] then
    if req.method ~= "POST" then return req:method_not_allowed "POST" end
    if not may(req, "user-master-data:write") then return req:unauthorized() end
    return ACTIONS[what](world, req, record)
  end
  return req:not_found()
end

local KINDS = { users = "user", companies = "company" }

--- Answer the request at hand.
-- @param world the server's state
-- @return status, body
function routes.answer(world, req)
  local path = req.path
  if path == "/api/v1/accounts/token" or path == "/accounts/token" then return oauth.answer(world, req) end
  if sub(path, 1, #PREFIX) ~= PREFIX then return req:not_found() end
  if req.too_large then return req:fail(413, "request-body-too-large", "The body is too large.") end
  local token = req.token
  if not token then return req:unauthorized() end
  if token.user and token.user.data.isDeactivated then
    return req:fail(401, "deactivated-user", "The user is deactivated.")
  end
  if req.method == "OPTIONS" then
    req:header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
    return 204
  end
  local segments, n = {}, 0
  for segment in string.gmatch(sub(path, #PREFIX + 1), "[^/]+") do
    n = n + 1
    segments[n] = segment
  end
  local kind = KINDS[segments[1]]
  if kind then return route_record(world, req, kind, segments, n) end
  if n == 1 and segments[1] == "me" then return me(world, req) end
  return req:not_found()
end

return routes
