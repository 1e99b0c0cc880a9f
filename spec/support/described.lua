--- The fields of awork's answers, as its OpenAPI description has them, in our own words: nothing else may be sent, and
-- nothing may be left out.
--
-- `name:type`, with `?` for what may be null. Types: text (`text25`: up to 25 characters), bool, int, ticks (an integer
-- beyond 2^53), id (a GUID), time (ISO 8601 with Z or an offset), `[x]` a list of x, and the names of this table.
local described = {}

local FORM = "label:text1000? value:text1000? subType:text25? addressLine1:text1000? addressLine2:text100? "
  .. "zipCode:text100? city:text100? state:text100? country:text100? isAddress:bool "
local TRACES = "id:id createdOn:time createdBy:id updatedOn:time updatedBy:id "
local USER = TRACES .. "firstName:text1000? lastName:text1000? birthDate:time? gender:text25? title:text100? "
  .. "position:text1000? language:text25? status:status isArchived:bool isDeactivated:bool isAgent:bool "
  .. "deactivatedOn:time? deletedOn:time? hasImage:bool shouldMigrateToConnect:bool userContactInfos:[info] "
  .. "resourceVersion:ticks tags:[tag] teams:[team_of_user] isExternal:bool "

local OBJECTS = {
  info = FORM .. "type:text25? id:id createdOn:time createdBy:id? updatedOn:time updatedBy:id?",
  company_info = FORM .. "type:text25 " .. TRACES,
  status = "invitationAccepted:bool isDeactivated:bool",
  tag = "id:id name:text? color:text?",
  team_of_user = "id:id name:text? icon:text? color:text?",
  user = USER,
  extended_user = USER .. "accountId:id?",
  me = USER .. "accountId:id? workspace:workspace",
  workspace = "id:id name:text? url:text?",
  company = TRACES .. "name:text1000 description:text25000? industry:text1000? hasImage:bool isExternal:bool "
    .. "companyContactInfos:[company_info] resourceVersion:ticks tags:[tag] projectsCount:int "
    .. "projectsInProgressCount:int",
  team = "name:text255 icon:text25? color:text14? id:id createdOn:time createdBy:id? updatedOn:time updatedBy:id? "
    .. "userIds:[id]? projectIds:[id]?",
  api_user = TRACES .. "name:text roleId:id? clientId:text?",
  permissions = "signature:text? userPermission:user_permission",
  user_permission = "userId:id isAdmin:bool isGuest:bool roleId:id isBlocked:bool permissions:[permission]? "
    .. "projectRolesPermissions:[text]?",
  permission = "feature:text? accessLevels:[text]?",
  summary = "privateProjectManagersReassignedCount:int privateProjectsDeletedCount:int",
  autofill = "firstName:text1000? lastName:text1000? gender:text25?",
}
-- What an error may lack.
local ERROR = { code = "text", description = "text", link = "text", traceId = "text?", details = "[text]?",
  validationErrors = "[violation]?" }
OBJECTS.violation = "property:text message:text"

local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
local TIME = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*[Z+-][%d:]*$"

local check

local SIMPLE = {
  bool = function(v) return type(v) == "boolean" end,
  int = function(v) return math.type(v) == "integer" end,
  ticks = function(v) return math.type(v) == "integer" and v > 1 << 53 end,
  id = function(v) return type(v) == "string" and v:find(GUID) ~= nil end,
  time = function(v) return type(v) == "string" and v:find(TIME) ~= nil end,
}

local function check_object(fields, value, path, null)
  if type(value) ~= "table" then return path .. " is no object" end
  local rest = {}
  for name in pairs(value) do rest[name] = true end
  for name, kind in fields:gmatch "(%w+):(%S+)" do
    if value[name] == nil then return path .. "/" .. name .. " is not sent" end
    local problem = check(kind, value[name], path .. "/" .. name, null)
    if problem then return problem end
    rest[name] = nil
  end
  local more = next(rest)
  return more and path .. "/" .. tostring(more) .. " is not described" or nil
end

function check(kind, value, path, null)
  if value == null then return kind:sub(-1) ~= "?" and path .. " is null" or nil end
  kind = kind:gsub("%?$", "")
  local item = kind:match "^%[(.*)%]$"
  if item then
    if type(value) ~= "table" then return path .. " is no list" end
    for i, v in ipairs(value) do
      local problem = check(item, v, path .. "[" .. i .. "]", null)
      if problem then return problem end
    end
  elseif OBJECTS[kind] then
    return check_object(OBJECTS[kind], value, path, null)
  elseif SIMPLE[kind] then
    if not SIMPLE[kind](value) then return path .. " is no " .. kind .. ": " .. tostring(value) end
  else
    local limit = tonumber(kind:match "^text(%d*)$") or math.huge
    if type(value) ~= "string" or utf8.len(value) > limit then return path .. " is no " .. kind end
  end
end

--- What is wrong with an answer; nil when nothing is.
-- @param kind "user", "[info]" …, or "error"
-- @param value the decoded body
-- @param null what stands for null in it
function described.problem(kind, value, null)
  if kind ~= "error" then return check(kind, value, kind, null) end
  for name, v in pairs(value) do
    if not ERROR[name] then return name .. " is not described" end
    local problem = check(ERROR[name], v, name, null)
    if problem then return problem end
  end
  for _, name in ipairs { "code", "description", "link" } do
    if (value[name] or "") == "" then return name .. " is missing" end
  end
end

return described
