--- What a token may do, from GET /me/permissions.
local core = require "awork.core"

local permissions = {}

-- awork writes features whole (`user-master-data`) or by their initials (`umd`).
local function initials(feature)
  return (feature:gsub("([A-Za-z])[A-Za-z]*%-?", "%1"))
end

-- The features that concern contact infos, and the one that narrows a list of users to one's own teams. (awork's
-- OpenAPI: x-access, and the description of GET /users.)
local USERS, COMPANIES, TEAMS = "user-master-data", "company-master-data", "user-teams-data"

local function levels_of(features, feature)
  return features[feature] or features[initials(feature)] or {}
end

--- What the answer to GET /me/permissions means.
--
-- An admin may do everything; one who is blocked, nothing. A user's own contact infos are always theirs to read and
-- write.
---@param answer table as awork gives it
---@return awork.Permissions? permissions nil if the answer does not say whose they are
function permissions.of(answer)
  local raw = type(answer.userPermission) == "table" and answer.userPermission or answer
  if not core.is_guid(raw.userId) then
    return nil
  end
  local features = {}
  for _, entry in ipairs(type(raw.permissions) == "table" and raw.permissions or {}) do
    if type(entry) == "table" and type(entry.feature) == "string" then
      local levels = features[entry.feature] or {}
      for _, level in ipairs(type(entry.accessLevels) == "table" and entry.accessLevels or {}) do
        if type(level) == "string" then
          levels[level] = true
        end
      end
      features[entry.feature] = levels
    end
  end
  local admin, blocked = raw.isAdmin == true, raw.isBlocked == true
  local function extent(feature, level, own)
    if blocked then
      return "none"
    end
    return (admin or levels_of(features, feature)[level]) and "all" or own
  end
  return {
    user_id = raw.userId, role_id = type(raw.roleId) == "string" and raw.roleId or nil,
    admin = admin, guest = raw.isGuest == true, blocked = blocked, features = features,
    users = { read = extent(USERS, "read", "own"), write = extent(USERS, "write", "own") },
    companies = { read = extent(COMPANIES, "read", "none"), write = extent(COMPANIES, "write", "none") },
    by_team = not admin and next(levels_of(features, TEAMS)) ~= nil,
  }
end

return permissions
