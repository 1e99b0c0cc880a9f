--- Who has this number? And: this one should be there.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local reconcile = require "awork.desired.reconcile"

local M = {}

local CRITERIA = { "email", "phone", "value", "type", "subType" }

local function country(value)
  if not normalise.numbering(value) then
    return nil, "a two-letter country code or a calling code expected"
  end
  return value
end

local OPTIONS = { email = "string", phone = "string", value = "string", type = "string", subType = "string",
  default_country = country, limit = options.count, archived = "boolean",
  api_users = "boolean" }

-- Does a contact info meet what is looked for? Keys of what is looked for are computed once.
local function matcher(criteria)
  local numbering = normalise.numbering(criteria.default_country)
  local phone = criteria.phone and normalise.phone(criteria.phone, numbering)
  local email = criteria.email and normalise.email(criteria.email)
  local keys, line = {}, normalise.fold(criteria.value)
  local function value_matches(info)
    local kind = type(info.type) == "string" and info.type or ""
    if not keys[kind] then
      keys[kind] = normalise.value_key({ type = kind ~= "address" and kind or nil, value = criteria.value }, numbering)
    end
    if normalise.is_address(info) then
      -- Of an address, any line is its value.
      for _, field in ipairs { "addressLine1", "addressLine2", "zipCode", "city" } do
        if info[field] ~= nil and normalise.fold(info[field]) == line then
          return true
        end
      end
      return false
    end
    return info.value ~= nil and normalise.value_key(info, numbering) == keys[kind]
  end
  return function(info)
    return (criteria.type == nil or info.type == criteria.type)
      and (criteria.subType == nil or info.subType == criteria.subType)
      and (phone == nil or info.type == "phone" and info.value ~= nil
        and normalise.phone(info.value, numbering) == phone)
      and (email == nil or info.type == "email" and info.value ~= nil and normalise.email(info.value) == email)
      and (criteria.value == nil or value_matches(info))
  end
end

--- Checks what is looked for; raises.
function M.criteria(criteria)
  criteria = options.check(criteria, OPTIONS)
  for _, name in ipairs(CRITERIA) do
    if criteria[name] ~= nil then
      return criteria
    end
  end
  error("find needs at least one of " .. table.concat(CRITERIA, ", "), 0)
end

--- Finds users (or companies) by a contact info, over all pages: one request for a thousand of them.
--
-- Phones are compared by digits (`+49 30 123` is `0049 30 123`, and with `default_country = "DE"` also `030/123`),
-- e-mail addresses without regard to case, URLs without regard to the case of the host and a slash at the end; a domain
-- in Unicode is the one in ASCII ("xn--…"). What several criteria name must all be so of one contact info.
-- @param client the client, or what has its resources and its yield
-- @param kind "user" or "company"
-- @param criteria { email=, phone=, value=, type=, subType=, default_country=, limit = stop after so many, archived =
--   look among archived ones too, api_users = among API users too }
-- @return list of { user = (or company =), contact_info = }, or nil, err (`list-changed` if people were added or
--   deleted each time that they were read)
function M.find(client, kind, criteria)
  criteria = M.criteria(criteria)
  local matches, limit, found = matcher(criteria), criteria.limit or math.huge, {}
  local query = { showArchived = kind == "user" and criteria.archived or nil }
  local api_users = (kind ~= "user" or criteria.api_users) and {} or nil
  for owner, err in client[owners.KINDS[kind].resource]:each(query) do
    if not owner then
      return nil, err
    end
    local infos = owner[owners.KINDS[kind].infos]
    for _, info in ipairs(type(infos) == "table" and infos or {}) do
      if #found >= limit then
        return found
      elseif type(info) == "table" and matches(info) then
        -- Asked when somebody is found: most who look for someone find nobody, or one.
        if not api_users then
          local failed
          api_users, failed = owners.api_users(client)
          if not api_users then
            return nil, failed
          end
        end
        if owners.is_among(api_users, owner) then
          break
        end
        found[#found + 1] = { [kind] = owner, contact_info = info }
      end
      client:yield()
    end
  end
  return found
end

--- Checks the options of ensure; raises.
function M.ensure_options(opts)
  return options.check(opts, { default_country = country })
end

--- Makes sure that a contact info is there: the one that is equal, or a new one.
--
-- Equal is what has the same type, subtype and normalised value (or address), and the same in every other field that
-- `info` states. Nothing that exists is changed. One that another client adds at the same moment is not seen.
-- @param client the client
-- @param kind "user" or "company"
-- @param owner_id GUID
-- @param info as for create
-- @param opts { default_country = }
-- @return contact info, "existing" or "created"; or nil, err
function M.ensure(client, kind, owner_id, info, opts)
  opts = M.ensure_options(opts)
  local ok, err = core.validate(info, kind)
  if not ok then
    return nil, err
  end
  local resource, existing = client[owners.KINDS[kind].contact_infos], {}
  for item, failed in resource:each(owner_id) do
    if not item then
      return nil, failed
    end
    existing[#existing + 1] = item
  end
  local result = reconcile.reconcile(existing, { { info = info } }, { owner = kind,
    numbering = normalise.numbering(opts.default_country), in_scope = function() return true end,
    breathe = function() client:yield() end })
  if result.keeps[1] then
    return result.keeps[1].existing, "existing"
  end
  local created
  created, err = resource:create(owner_id, info)
  if not created then
    return nil, err
  end
  return created, "created"
end

return M
