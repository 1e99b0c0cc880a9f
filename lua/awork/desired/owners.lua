--- What the desired-state half knows about those who own contact infos: users and companies.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"

local M = {}

--- The two kinds: the field of the embedded contact infos, and whether what identifies one may be a name.
M.KINDS = {
  user = { infos = "userContactInfos", resource = "users", contact_infos = "contact_infos" },
  company = { infos = "companyContactInfos", resource = "companies", contact_infos = "company_contact_infos",
    by_name = true },
}

--- What is never touched unless asked for, by the name that asks for it (option `touch`).
M.TOUCHABLE = { "external", "agent", "api_user", "deleted", "archived", "deactivated", "login" }

local function present(v)
  return v ~= nil and v ~= false and v ~= ""
end

local function is_agent(owner)
  if owner.isAgent == true then
    return true
  end
  for _, field in ipairs { "type", "userType" } do
    if type(owner[field]) == "string" and normalise.lower(owner[field]) == "agent" then
      return true
    end
  end
  return false
end

-- Who they are is remembered for so many seconds: a plan and its apply ask once. Per client, and gone with it.
local REMEMBERED = 60
local remembered = setmetatable({}, { __mode = "k" })

--- The ids, in lower case, of a workspace's API users: they are among its users, and nothing in a user tells. A set,
-- empty for a token that may not ask (it lacks workspace-manage-config:read). (awork API: GET /apiusers.)
-- @param client the client, or what has its users
-- @return set, and whether awork told; or nil, err
function M.api_users(client)
  local known = remembered[client]
  if known and core.now() - known.at < REMEMBERED then
    return known.ids, true
  end
  local list, err = client.users:api_users()
  if not list then
    if err.status == 401 or err.status == 403 or err.status == 404 then
      return {}, false
    end
    return nil, err
  end
  local ids = {}
  for _, user in ipairs(list) do
    if type(user) == "table" and type(user.id) == "string" then
      ids[normalise.lower(user.id)] = true
    end
  end
  remembered[client] = { ids = ids, at = core.now() }
  return ids, true
end

--- Is this owner in a set of ids, such as api_users() gives?
-- @return boolean
function M.is_among(ids, owner)
  return type(owner.id) == "string" and ids[normalise.lower(owner.id)] or false
end

--- Why this user or company is not to be touched, or nil when it may be.
-- (awork API: a user has isArchived, isDeactivated, isExternal, deletedOn; agents are seen by isAgent or their type.)
-- @param owner as awork gave it
-- @param touch set of names from TOUCHABLE that may be touched nevertheless
-- @param api_users set of ids, from api_users(); or nil
-- @return string or nil
function M.reason(owner, touch, api_users)
  if api_users and not touch.api_user and M.is_among(api_users, owner) then
    return "API user"
  end
  if not touch.deleted and (present(owner.deletedOn) or owner.isDeleted == true) then
    return "deleted"
  elseif not touch.agent and is_agent(owner) then
    return "agent"
  elseif not touch.external and owner.isExternal == true then
    return "external"
  elseif not touch.archived and owner.isArchived == true then
    return "archived"
  elseif not touch.deactivated and owner.isDeactivated == true then
    return "deactivated"
  end
  return nil
end

--- A name for people to read.
-- @return string
function M.name(owner)
  local parts = {}
  for _, field in ipairs { "firstName", "lastName", "name" } do
    if type(owner[field]) == "string" and owner[field] ~= "" then
      parts[#parts + 1] = owner[field]
    end
  end
  return #parts > 0 and table.concat(parts, " ") or tostring(owner.id)
end

-- The fields under which a user object may carry the address its owner logs in with. None is documented.
local LOGIN_FIELDS = { "email", "userName", "loginEmail", "accountEmail" }

--- Which of a user's contact infos hold the address they log in with.
--
-- awork documents no field for it. So: the one equal to the user's own `email` (or `userName`) field, where there is
-- one; else every e-mail address of subtype `work`, and the oldest e-mail address, which an invitation makes.
-- @param owner a user as awork gave it
-- @param infos its contact infos
-- @param breathe called for each, to let others run; optional
-- @return set of contact infos: { [info] = "login" }
function M.login_infos(owner, infos, breathe)
  local guarded, oldest = {}, nil
  local known = {}
  for _, field in ipairs(LOGIN_FIELDS) do
    if type(owner[field]) == "string" and owner[field]:find("@", 1, true) then
      known[normalise.email(owner[field])] = true
    end
  end
  for _, info in ipairs(infos) do
    if breathe then
      breathe()
    end
    if type(info) == "table" and info.type == "email" then
      local created = tostring(info.createdOn or "")
      if next(known) then
        if known[normalise.email(info.value)] then
          guarded[info] = "login"
        end
      elseif info.subType == "work" then
        guarded[info] = "login"
      end
      if not oldest or created < oldest then
        oldest = created
      end
    end
  end
  if not next(known) then
    for _, info in ipairs(infos) do
      if type(info) == "table" and info.type == "email" and tostring(info.createdOn or "") == oldest then
        guarded[info] = "login"
      end
    end
  end
  return guarded
end

return M
