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
  return req.token.user.id
end

-- An argument of the query that is true or false.
local function flag(req, name)
  local v = req.query ~= "" and query.parse(req.query)[name]
  return v and lower(v) == "true" or false
end

-- A form of the body: the table, or nil, status, body. `check(form)` returns the list of its errors, or nil.
local function read_form(req, check)
  local form, status, body = req:decode_body()
  if not form then return nil, status, body end
  local errors = check(form)
  if errors then return nil, req:invalid(errors) end
  return form
end

-- Who sees what ------------------------------------------------------------------------------------------------------

-- Does a token that is limited to teams share one with the user?
local function in_reach(token, user)
  if not token.teams or token.user == user then return true end
  for id in pairs(token.teams) do
    if token.store.team.by_id[id] and token.store.team.by_id[id].users[user.id] then return true end
  end
  return false
end

-- The users a list shows to a token, archived ones or not; kept until something changes.
local function visible_users(world, token, archived)
  local set = world.store.user
  if not (token.admin or token.rights["user-master-data:read"]) then
    return { token.user } -- no error: who may not read others sees themself alone
  end
  if archived and not token.teams then return set.list end
  local name = archived and "all" or "unarchived"
  local holder = token.teams and token or set
  local kept = holder[name]
  if not kept or kept.changes ~= set.changes then
    local list = {}
    for _, user in ipairs(set.list) do
      if (archived or not user.data.isArchived) and in_reach(token, user) then list[#list + 1] = user end
    end
    kept = { changes = set.changes, list = list }
    holder[name] = kept
  end
  return kept.list
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

-- Contact infos -------------------------------------------------------------------------------------------------------

local function check_writable(req, record)
  if record.data.isArchived then
    return req:fail(400, "entity-archived", "The " .. record.kind .. " is archived.")
  end
end

-- The form of a contact info that may be written; or nil, status, body.
local function writable_form(req, record, stored)
  local status, body = check_writable(req, record)
  if status then return nil, status, body end
  return read_form(req, function(form) return forms.contact_info(form, record.kind, stored) end)
end

local function list_infos(world, req, record)
  return req:list(world, keeper(req, record), record.changes, visible_infos(world, req, record),
    model.field_names.info, model.info_json)
end

local function create_info(world, req, record)
  local form, status, body = writable_form(req, record)
  if not form then return status, body end
  local created = req.fault and req.fault.created
  if created then form.createdOn = world.clock:shifted_iso(created) end
  local info = world.store:add_info(record, form, actor(req))
  info.born = world.clock:epoch()
  return 200, info.json
end

local function get_info(_, _, _, info)
  return 200, info.json
end

local function put_info(world, req, record, info)
  local form, status, body = writable_form(req, record, info.data)
  if not form then return status, body end
  world.store:put_info(record, info, form, actor(req))
  return 200, info.json
end

local function delete_info(world, req, record, info)
  local status, body = check_writable(req, record)
  if status then return status, body end
  world.store:remove_info(record, info, actor(req))
  return 204
end

-- Users and companies -------------------------------------------------------------------------------------------------

local function list_users(world, req)
  local function json_of(record) return shown(world, req, record) end
  local token = req.token
  return req:list(world, keeper(req, token), world.store.user.changes,
    visible_users(world, token, flag(req, "showarchived")), model.field_names.user, json_of)
end

local function list_companies(world, req)
  local function json_of(record) return shown(world, req, record) end
  local set = world.store.company
  return req:list(world, keeper(req, set), set.changes, set.list, model.field_names.company, json_of)
end

local function get_record(world, req, record)
  return 200, shown(world, req, record)
end

local function me(world, req)
  local user = req.token.user
  local workspace = world.workspace
  return 200, model.extended_json(user, shown(world, req, user), ',"workspace":{"id":' .. quote(workspace.id)
    .. ',"name":' .. quote(workspace.name) .. ',"url":' .. quote(workspace.url) .. "}")
end

-- What every admin may do; the names are awork's.
local FEATURES = {
  "company-master-data", "project-manage-config", "user-manage-config", "user-master-data", "workspace-manage-config",
}

-- Rights as `/me/permissions` has them: `{ feature, accessLevels }`, by feature.
local function permissions_json(token)
  local levels = {}
  for _, feature in ipairs(token.admin and FEATURES or {}) do levels[feature] = { "read", "write", "delete" } end
  for right in pairs(token.rights) do
    local feature, level = match(right, "^(.*):(.*)$")
    if not token.admin then
      levels[feature] = levels[feature] or {}
      table.insert(levels[feature], level)
    end
  end
  if token.teams then levels["user-teams-data"] = { "read" } end
  local parts = {}
  for feature, list in pairs(levels) do
    table.sort(list)
    parts[#parts + 1] = '{"feature":' .. quote(feature) .. ',"accessLevels":' .. quote(list) .. "}"
  end
  table.sort(parts)
  return "[" .. table.concat(parts, ",") .. "]"
end

local function permissions(world, req)
  local token = req.token
  local function bool(v) return v and "true" or "false" end
  return 200, '{"signature":"c2FuZGJveA==","userPermission":{"userId":' .. quote(token.user.id)
    .. ',"isAdmin":' .. bool(token.admin) .. ',"isGuest":' .. bool(token.guest)
    .. ',"roleId":' .. quote(world.roles[token.role]) .. ',"isBlocked":' .. bool(token.blocked)
    .. ',"permissions":' .. permissions_json(token) .. ',"projectRolesPermissions":[]}}'
end

local function put_user(world, req, user)
  local form, status, body = read_form(req, forms.user)
  if not form then return status, body end
  status, body = check_writable(req, user)
  if status then return status, body end
  for name in pairs(forms.user_fields) do user.data[name] = form[name] end
  world.store:touch(user, actor(req))
  return 200, world.store:json(user)
end

local function delete_user(world, _, user)
  world.store:remove(user)
  return 204
end

local function activate(world, req, user)
  world.store:set_deactivated(user, false, actor(req))
  return 204
end

local function deactivate(world, req, user)
  world.store:set_deactivated(user, true, actor(req))
  if not flag(req, "includesummary") then return 204 end
  return 200, '{"privateProjectManagersReassignedCount":0,"privateProjectsDeletedCount":0}'
end

local function set_archived(world, req, user)
  local form, status, body = read_form(req, forms.archived)
  if not form then return status, body end
  user.data.isArchived = form.isArchived
  world.store:touch(user, actor(req))
  return 200, model.extended_json(user, world.store:json(user))
end

-- `first.last@…` gives names, anything else nothing.
local function autofill(_, _, email)
  local first, last = match(email, "^([A-Za-z]+)%.([A-Za-z]+)@.+%..+$")
  if not first then return 204 end
  local function name(s) return s:sub(1, 1):upper() .. s:sub(2):lower() end
  return 200, '{"firstName":' .. quote(name(first)) .. ',"lastName":' .. quote(name(last)) .. ',"gender":null}'
end

-- Teams and API users -------------------------------------------------------------------------------------------------

local function team_json(req)
  local users, projects = flag(req, "includeuserids"), flag(req, "includeprojectids")
  return function(team) return model.team_json(team, users, projects) end
end

local function list_teams(world, req)
  local set, token = world.store.team, req.token
  local list = set.list
  if token.teams then
    list = {}
    for _, team in ipairs(set.list) do
      if token.teams[team.id] then list[#list + 1] = team end
    end
  end
  return req:list(world, {}, set.changes, list, model.field_names.team, team_json(req))
end

local function get_team(_, req, team)
  return 200, team_json(req)(team)
end

local function list_api_users(world)
  local list = {}
  for _, user in ipairs(world.store.user.list) do
    if user.api then list[#list + 1] = user end
  end
  return 200, model.json_list(list, 1, #list, model.api_user_json)
end

local function get_api_user(_, _, user)
  return 200, model.api_user_json(user)
end

-- Routes --------------------------------------------------------------------------------------------------------------

local ANY = { any = true }
local EVEN_BLOCKED = { any = true, blocked = true }
-- Admins, those who have the right, and with `owner` the user themself.
local function right(name, owner)
  return { right = name, owner = owner }
end

-- Method, path, who may, how it is answered: awork's description, line by line. `:name` in a path is a value.
local ENDPOINTS = {
  { "GET", "me", EVEN_BLOCKED, me },
  { "GET", "me/permissions", EVEN_BLOCKED, permissions },
  { "GET", "users", ANY, list_users },
  { "GET", "users/me", EVEN_BLOCKED, me },
  { "GET", "users/autofill/:email", ANY, autofill },
  { "GET", "users/:user", ANY, get_record },
  { "PUT", "users/:user", right("user-master-data:write", true), put_user },
  { "DELETE", "users/:user", right "user-manage-config:delete", delete_user },
  { "POST", "users/:user/activate", right "user-manage-config:write", activate },
  { "POST", "users/:user/deactivate", right "user-manage-config:write", deactivate },
  { "POST", "users/:user/setarchived", right "project-manage-config:write", set_archived },
  { "GET", "users/:user/contactinfo", right("user-master-data:read", true), list_infos },
  { "POST", "users/:user/contactinfo", right("user-master-data:write", true), create_info },
  { "GET", "users/:user/contactinfo/:info", right("user-master-data:read", true), get_info },
  { "PUT", "users/:user/contactinfo/:info", right("user-master-data:write", true), put_info },
  { "DELETE", "users/:user/contactinfo/:info", right("user-master-data:write", true), delete_info },
  { "GET", "companies", right "company-master-data:read", list_companies },
  { "GET", "companies/:company", right "company-master-data:read", get_record },
  { "GET", "companies/:company/contactinfo", right "company-master-data:read", list_infos },
  { "POST", "companies/:company/contactinfo", right "company-master-data:write", create_info },
  { "GET", "companies/:company/contactinfo/:info", right "company-master-data:read", get_info },
  { "PUT", "companies/:company/contactinfo/:info", right "company-master-data:write", put_info },
  { "DELETE", "companies/:company/contactinfo/:info", right "company-master-data:write", delete_info },
  { "GET", "teams", ANY, list_teams },
  { "GET", "teams/:team", ANY, get_team },
  { "GET", "apiusers", right "workspace-manage-config:read", list_api_users },
  { "GET", "apiusers/:api_user", right "workspace-manage-config:read", get_api_user },
}

-- What a value in a path stands for; nil: there is no such thing, or it is out of sight.
local LOOKUPS = {
  email = function(_, _, text) return text end,
  user = function(world, token, id)
    local user = world.store.user.by_id[lower(id)]
    return user and in_reach(token, user) and user or nil
  end,
  company = function(world, _, id) return world.store.company.by_id[lower(id)] end,
  info = function(_, _, id, owner) return owner.by_id[lower(id)] end,
  team = function(world, token, id)
    local team = world.store.team.by_id[lower(id)]
    return team and (not token.teams or token.teams[team.id]) and team or nil
  end,
  api_user = function(world, _, id)
    local user = world.store.user.by_id[lower(id)]
    return user and user.api and user or nil
  end,
}

-- The endpoints as a tree. A node has `literal` (segment → node), `value` (the node of any other segment), `name`
-- (of its value), and `methods` (method → endpoint) with `allow`.
local function new_node(name)
  return { literal = {}, name = name }
end

local ROOT = new_node()
for _, endpoint in ipairs(ENDPOINTS) do
  local node = ROOT
  for segment in string.gmatch(endpoint[2], "[^/]+") do
    local name = match(segment, "^:(.*)$")
    if name then
      node.value = node.value or new_node(name)
      node = node.value
    else
      node.literal[segment] = node.literal[segment] or new_node()
      node = node.literal[segment]
    end
  end
  node.methods = node.methods or {}
  node.methods[endpoint[1]] = { may = endpoint[3], answer = endpoint[4] }
  node.allow = (node.allow and node.allow .. ", " or "") .. endpoint[1]
end

-- The node of a path below the prefix, and the values in it; nil for none.
local function find_node(path)
  local node, values, names, n = ROOT, {}, {}, 0
  for segment in string.gmatch(path, "[^/]+") do
    local text = query.unescape_path(segment)
    local next_node = node.literal[text]
    if not next_node then
      next_node = node.value
      if not next_node then return nil end
      n = n + 1
      values[n], names[n] = text, next_node.name
    end
    node = next_node
  end
  return node.methods and node, values, names
end

local function allowed(token, may, id)
  if token.blocked then return may.blocked end
  return may.any or token.admin or token.rights[may.right] or (may.owner and lower(id) == token.user.id)
end

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
  if world.store.user.by_id[token.user.id] ~= token.user then return req:unauthorized() end -- deleted
  if token.user.data.isDeactivated then return req:fail(401, "deactivated-user", "The user is deactivated.") end
  if req.method == "OPTIONS" then
    req:header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
    return 204
  end
  local node, values, names = find_node(sub(path, #PREFIX + 1))
  if not node then return req:not_found() end
  local endpoint = node.methods[req.method == "HEAD" and "GET" or req.method]
  if not endpoint then return req:method_not_allowed(node.allow) end
  if not allowed(token, endpoint.may, values[1]) then return req:unauthorized() end
  local first, second
  if names[1] then
    first = LOOKUPS[names[1]](world, token, values[1])
    if not first then return req:not_found() end
  end
  if names[2] then
    second = LOOKUPS[names[2]](world, token, values[2], first)
    if not second then return req:not_found() end
  end
  return endpoint.answer(world, req, first, second)
end

return routes
