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
local plans = require "awork.desired.plan"
local store = require "awork.desired.store"
local undo = require "awork.desired.undo"
require "awork.desired.show"

local M = { load_plan = store.load, undo_plan = undo.plan, check = check.check }

local PAGE_SIZE = 1000

-- What fn makes of these options; its complaint is raised where the public function was called.
local function checked(fn, value)
  local ok, result = pcall(fn, value)
  if not ok then
    error(result, 4)
  end
  return result
end

local function read(client, builder, kind, showArchived)
  local resource = kind == "user" and client.users or client.companies
  for owner, err in resource:each { pageSize = PAGE_SIZE, showArchived = showArchived } do
    if not owner then
      return nil, err
    end
    builder:feed(kind, owner)
  end
  return true
end

--- See Client:plan.
function M.plan(client, desired, opts)
  if type(desired) ~= "table" and type(desired) ~= "function" then
    error(("bad argument #1 to 'plan' (a list or an iterator expected, got %s)"):format(type(desired)), 3)
  end
  local builder = plans.builder(desired, checked(options.plan, opts))
  for _, kind in ipairs { "user", "company" } do
    if builder:needs(kind) then
      local ok, err = read(client, builder, kind)
      -- Archived users are not listed. Whoever is missing may be one: looked at only then, or when they are asked for.
      if ok and kind == "user" and (builder.options.touch.archived or builder:unresolved(kind)) then
        ok, err = read(client, builder, kind, true)
      end
      if not ok then
        return nil, err
      end
    end
  end
  local plan = builder:finish()
  plan.base_url = client.base_url
  return plan
end

local function is_plan(plan)
  return getmetatable(plan) == plans.Plan
end

--- See Client:apply.
function M.apply(client, plan, opts)
  if not is_plan(plan) then
    error(("bad argument #1 to 'apply' (awork.plan expected, got %s)"):format(type(plan)), 3)
  end
  return apply.apply(client, plan, checked(apply.options, opts))
end

--- See Client:undo.
function M.undo(client, journal, opts)
  if type(journal) ~= "string" then
    error(("bad argument #1 to 'undo' (path of a journal expected, got %s)"):format(type(journal)), 3)
  end
  opts = checked(apply.options, opts)
  local plan, err = undo.plan(journal)
  if not plan then
    return nil, err
  end
  return apply.apply(client, plan, opts)
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
