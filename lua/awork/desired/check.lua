--- What a token may do, found out without changing anything.
local owners = require "awork.desired.owners"

local M = {}

local function count(headers, name)
  return math.tointeger(tonumber(headers[name] or ""))
end

-- How much of the limits is left, from the headers of the latest answer. (awork API: x-ratelimit-*.)
local function rate_limit(headers)
  return {
    second = { limit = count(headers, "x-ratelimit-limit-second"),
      remaining = count(headers, "x-ratelimit-remaining-second") },
    minute = { limit = count(headers, "x-ratelimit-limit-minute"),
      remaining = count(headers, "x-ratelimit-remaining-minute") },
    reset = tonumber(headers["ratelimit-reset"] or ""),
  }
end

local function brief(object)
  if type(object) ~= "table" or object.id == nil then
    return nil
  end
  return { id = object.id, name = owners.name(object) }
end

-- Sentences for a person: what is not as it should be, and what can't be known.
local function advise(report, permissions)
  local advice = {}
  local function add(format, ...)
    advice[#advice + 1] = format:format(...)
  end
  if permissions.blocked then
    add "the user is blocked: nothing can be read or written"
    return advice
  end
  if report.read ~= "all" then
    add "only your own contact infos can be read: the token lacks user-master-data:read"
  elseif permissions.by_team then
    add("the list of users is narrowed to your teams: the %d users in it need not be all", report.users)
  elseif not permissions.admin then
    add("a role can narrow the list of users to teams, without a sign: the %d users in it need not be all",
      report.users)
  end
  if report.write ~= "all" then
    add "only your own contact infos can be written: the token lacks user-master-data:write"
  end
  if report.companies.read ~= "all" or report.companies.write ~= "all" then
    local level = report.companies.read ~= "all" and "read" or "write"
    add("companies' contact infos can't be %s: the token lacks company-master-data:%s",
      level == "read" and "read" or "written", level)
  end
  local left = report.rate_limit.minute.remaining
  if left and left < 100 then
    add("only %d requests are left of this minute's limit, which all clients share", left)
  end
  return advice
end

--- Asks who the token belongs to and what it may do, in three or four requests that change nothing: `/me`,
-- `/me/permissions`, the first page of users, and, where it may, the API users.
--
-- awork narrows the list of users to the teams of some roles without an error, and to one's own user without the
-- permission to read others: `sees` says what was seen, never "everyone".
-- @param client the client
-- @return { ok = it may read and write all users' contact infos, user = { id =, name = }, api_user = true for an API
--   key (nil where that can't be asked), workspace = { id =, name = }, admin =, guest =, blocked =, read = "all" |
--   "own" | "none", write = the same, companies = { read = "all" | "none", write = the same }, sees = "others" |
--   "self" | "nobody", by_team = the role narrows the list, users = how many are listed, rate_limit = { second =
--   { limit =, remaining = }, minute = …, reset = seconds }, advice = list of sentences }; or nil, err when awork could
--   not be asked, or knows no such token
function M.check(client)
  local me, err = client:request("GET", "/me")
  if type(me) ~= "table" then
    return nil, err
  end
  local permissions
  permissions, err = client:permissions()
  if not permissions then
    return nil, err
  end
  local report = {
    user = brief(me), workspace = brief(me.workspace), admin = permissions.admin, guest = permissions.guest,
    blocked = permissions.blocked, by_team = permissions.by_team, read = permissions.users.read,
    write = permissions.users.write, companies = permissions.companies,
  }
  local list, page = client:request("GET", "/users", { query = { page = 1, pageSize = 2 } })
  if type(list) ~= "table" then
    if not (permissions.blocked and (page.status == 401 or page.status == 403)) then
      return nil, page
    end
    list = {}
  end
  report.users = page.headers and count(page.headers, "aw-totalitems") or #list
  report.sees = "nobody"
  for _, user in ipairs(list) do
    if type(user) == "table" and user.id ~= me.id then
      report.sees = "others"
    elseif report.sees == "nobody" then
      report.sees = "self"
    end
  end
  if not permissions.blocked then
    local ids, known = owners.api_users(client)
    if not ids then
      return nil, known
    elseif known then
      report.api_user = owners.is_among(ids, me)
    end
  end
  report.rate_limit = rate_limit(page.headers or {})
  report.advice = advise(report, permissions)
  report.ok = report.read == "all" and report.write == "all"
  return report
end

return M
