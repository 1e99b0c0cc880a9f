--- Which workspace a token belongs to. All of awork's workspaces share one base_url, and an id of another one is a 404
-- there, as what is gone is: so plans and journals say which one they are for.
local core = require "awork.core"
local errors = require "awork.error"
local normalise = require "awork.desired.normalise"

local M = {}

local function refuse(code, format, ...)
  return nil, errors.new { kind = "plan", code = code, description = format:format(...), retryable = false }
end

local function id_of(object)
  local id = type(object) == "table" and object.id
  return type(id) == "string" and core.is_guid(id) and normalise.lower(id) or nil
end

--- Asks, once a client. awork API: GET /me, the user of the token (an API key's own one, too) with their `workspace`.
-- @param client, session of it
-- @return { workspace = id, user = id or nil }; or nil, err: of the request, or kind "plan", code "no-workspace"
function M.of(client, session)
  if session.who then
    return session.who
  end
  local me, err = client:request("GET", "/me")
  if me == nil and err.status ~= 404 then
    return nil, err
  end
  local workspace = type(me) == "table" and id_of(me.workspace)
  if not workspace then
    return refuse("no-workspace", "awork does not say which workspace the token belongs to (GET /me), so nothing is "
      .. "applied: plans are for one workspace")
  end
  session.who = { workspace = workspace, user = id_of(me) }
  return session.who
end

--- Is a plan for this workspace?
-- @param plan with `workspace`
-- @param who from `of`
-- @return true; or nil, err: kind "plan", code "no-workspace" or "other-workspace"
function M.check(plan, who)
  if not plan.workspace then
    return refuse("no-workspace", "the plan does not say which workspace it is for: let client:plan make it")
  elseif normalise.lower(plan.workspace) ~= who.workspace then
    return refuse("other-workspace", "the plan is for the workspace %s, the token belongs to %s", plan.workspace,
      who.workspace)
  end
  return true
end

return M
