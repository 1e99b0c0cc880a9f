--- What a token may do, found out without changing anything.
local owners = require "awork.desired.owners"

local M = {}

-- No id that a server hands out (version and variant bits alone are set): deleting it can't delete anything.
local NOBODY = "00000000-0000-4000-8000-000000000000"

-- 401 is a bad token or a missing permission, 403 the edge's refusal. (awork API: errors.)
local function refused(err)
  return err.status == 401 or err.status == 403
end

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

-- May contact infos of this user be written? Asked by deleting one that can't exist: 404 says that it would be allowed.
local function may_write(client, user_id)
  local ok, err = client:request("DELETE", ("/users/%s/contactinfo/%s"):format(user_id, NOBODY))
  if ok or err.status == 404 then
    return true
  elseif refused(err) then
    return false
  end
  return nil, err
end

local function may_read(client, user_id)
  local list, res = client:request("GET", ("/users/%s/contactinfo"):format(user_id),
    { query = { page = 1, pageSize = 1 } })
  if list then
    return true, res
  elseif refused(res) or res.status == 404 then
    return false
  end
  return nil, res
end

local function brief(object)
  if type(object) ~= "table" or object.id == nil then
    return nil
  end
  return { id = object.id, name = owners.name(object) }
end

-- "all", "own" or "none", given what is allowed with somebody else and with oneself.
local function extent(others, own)
  return others and "all" or own and "own" or "none"
end

--- Asks who the token belongs to and what it may do. Three to six requests, none of which changes anything: whether
-- contact infos may be written is asked by deleting one that can't exist.
--
-- awork gives someone who lacks the permission only their own user, without an error: `sees` says so.
-- @param client the client
-- @return { ok = it reads and writes everyone's contact infos, user = { id=, name= } (nil for an API key), workspace =
--   { id=, name= }, sees = "everyone" | "self" | "nobody", users = how many are seen, read = "all" | "own" | "none",
--   write = the same, rate_limit = { second = { limit=, remaining= }, minute = …, reset = seconds }, advice = list of
--   sentences }; or nil, err when awork could not be asked, or knows no such token
function M.check(client)
  local report, advice = {}, {}
  local me, res = client:request("GET", "/users/me")
  if me == true then
    me = nil
  elseif not me and not (res.status and res.status >= 400 and res.status < 500 and res.status ~= 429) then
    return nil, res
  end
  report.user = brief(me)
  report.workspace = me and brief(me.workspace) or nil
  local list, page = client:request("GET", "/users", { query = { page = 1, pageSize = 2 } })
  if not list then
    if not refused(page) then
      return nil, page
    elseif not me then
      -- Neither who it is nor whom it sees: the token itself is not accepted.
      return nil, page
    end
    list, page = {}, res
  end
  report.users = count(page.headers, "aw-totalitems") or #list
  local other
  for _, user in ipairs(list) do
    if type(user) == "table" and not (me and user.id == me.id) and not other then
      other = user.id
    end
  end
  report.sees = other and "everyone" or #list > 0 and "self" or "nobody"
  local reads, writes = {}, {}
  for who, id in pairs { other = other, own = me and me.id } do
    local err, answer
    reads[who], answer = may_read(client, id)
    if reads[who] == nil then
      return nil, answer
    end
    page = reads[who] and answer or page
    writes[who], err = may_write(client, id)
    if writes[who] == nil then
      return nil, err
    end
  end
  report.read, report.write = extent(reads.other, reads.own), extent(writes.other, writes.own)
  report.rate_limit = rate_limit(page.headers)
  if report.sees == "self" then
    advice[#advice + 1] = "only your own user is seen: you are alone in the workspace, or the token lacks the "
      .. "permission to read users (user-master-data:read)"
  elseif report.sees == "nobody" then
    advice[#advice + 1] = "no user is seen: the token lacks the permission to read users (user-master-data:read)"
  end
  if report.sees == "everyone" and report.read ~= "all" then
    advice[#advice + 1] = "others' contact infos can't be read: the token lacks user-master-data:read"
  end
  if report.sees == "everyone" and report.write ~= "all" then
    advice[#advice + 1] = "others' contact infos can't be written: the token lacks user-master-data:write"
  end
  local left = report.rate_limit.minute.remaining
  if left and left < 100 then
    advice[#advice + 1] = ("only %d requests are left of this minute's limit, which all clients share"):format(left)
  end
  report.advice = advice
  report.ok = report.sees == "everyone" and report.read == "all" and report.write == "all"
  return report
end

return M
