--- Desired state: say what should be there, and awork is made to match.
--
--     local plan = assert(client:plan({ { user = "anna@example.org", contact_infos = { … } } }, { prune = false }))
--     plan:print()
--     local report = assert(client:apply(plan))
--
-- The rules (what is matched, what is never touched) stand in docs/architecture.md and in reconcile.lua.
local apply = require "awork.desired.apply"
local check = require "awork.desired.check"
local find = require "awork.desired.find"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local plans = require "awork.desired.plan"
local store = require "awork.desired.store"
local undo = require "awork.desired.undo"
local workspaces = require "awork.desired.workspace"
require "awork.desired.show"

local M = { load_plan = store.load, check = check.check }

-- What fn makes of these options; its complaint is raised where the public function was called.
local function checked(fn, value)
  local ok, result = pcall(fn, value)
  if not ok then
    error(result, 4)
  end
  return result
end

-- Shows the builder all of a kind. Returns on how many pages, and whether these said how many there are in all; or nil,
-- err.
local function read(client, builder, kind, archived)
  local resource = kind == "user" and client.users or client.companies
  local pages, counted = 1, true
  for owner, info in resource:each { showArchived = archived } do
    if not owner then
      return nil, info
    end
    pages, counted = info.page, counted and info.total_items ~= nil
    builder:feed(kind, owner)
    builder.breathe()
  end
  return pages, counted
end

-- Reads all of a kind, as often as it takes. nil, err if a list can't be had.
local function read_all(client, builder, kind)
  local seen = builder.seen
  local pages, counted = read(client, builder, kind)
  local again, err = pages, counted
  local in_pass = builder.seen - seen
  if pages then
    -- Archived users are not listed. Whoever is missing may be one: looked at only then, or when they are asked for.
    local archived = kind == "user" and (builder.options.touch.archived or builder:unresolved(kind)) or nil
    if archived or pages > 1 and builder:doubtful(kind, counted) then
      builder.seen = seen
      again, err = read(client, builder, kind, archived)
      builder.seen = math.max(builder.seen, seen + in_pass)
    end
  end
  if again then
    return true
  elseif err.code ~= "list-changed" then
    return nil, err
  end
  builder:distrust(kind, err.description)
  return true
end

--- See Client:plan.
function M.plan(client, session, desired, opts)
  if type(desired) ~= "table" and type(desired) ~= "function" then
    error(("bad argument #1 to 'plan' (a list or an iterator expected, got %s)"):format(type(desired)), 3)
  end
  local builder = plans.builder(desired, checked(options.plan, opts), function()
    client:yield()
  end)
  local who, refusal = workspaces.of(client, session)
  if not who and refusal.code ~= "no-workspace" then
    return nil, refusal
  end
  if builder:needs "user" and not builder.options.touch.api_user then
    local ids, err = owners.api_users(client)
    if not ids then
      return nil, err
    end
    builder.api_users = ids
  end
  for _, kind in ipairs { "user", "company" } do
    if builder:needs(kind) then
      local ok, err = read_all(client, builder, kind)
      if not ok then
        return nil, err
      end
    end
  end
  local plan = builder:finish()
  plan.base_url, plan.workspace = client.base_url, who and who.workspace
  return plan
end

local function is_plan(plan)
  return getmetatable(plan) == plans.Plan
end

--- See Client:apply.
function M.apply(client, session, plan, opts)
  if not is_plan(plan) then
    error(("bad argument #1 to 'apply' (awork.plan expected, got %s)"):format(type(plan)), 3)
  end
  return apply.apply(client, session, plan, checked(apply.options, opts))
end

--- See Client:undo.
function M.undo(client, session, journal, opts)
  if type(journal) ~= "string" then
    error(("bad argument #1 to 'undo' (path of a journal expected, got %s)"):format(type(journal)), 3)
  end
  opts = checked(apply.options, opts)
  local plan, err = undo.plan(journal, function()
    session.scheduler:breathe()
  end)
  if not plan then
    return nil, err
  end
  return apply.apply(client, session, plan, opts)
end

--- The plan that undoes what a journal tells of, to look at first.
-- @param journal path
-- @return plan, or nil, err (kind "file")
function M.undo_plan(journal)
  local plan, err = undo.plan(journal)
  return plan, err
end

--- `awork.undo(journal, client, options)`: the same as `client:undo(journal, options)`.
function M.undo_with(journal, client, opts)
  if type(client) ~= "table" or type(client.undo) ~= "function" then
    error(("bad argument #2 to 'undo' (awork.client expected, got %s)"):format(type(client)), 2)
  end
  local report, err, partial = client:undo(journal, opts)
  return report, err, partial
end

--- See ContactInfos:find.
function M.find(client, kind, criteria)
  return find.find(client, kind, checked(find.criteria, criteria))
end

--- See ContactInfos:ensure.
function M.ensure(client, kind, owner_id, info, opts)
  if type(owner_id) ~= "string" then
    error(("bad argument #1 to 'ensure' (id expected, got %s)"):format(type(owner_id)), 3)
  elseif type(info) ~= "table" then
    error(("bad argument #2 to 'ensure' (table expected, got %s)"):format(type(info)), 3)
  end
  return find.ensure(client, kind, owner_id, info, checked(find.ensure_options, opts))
end

return M
