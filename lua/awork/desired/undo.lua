--- From an undo journal back to how it was: a plan like any other, computed from the journal alone.
local journal = require "awork.desired.journal"
local plans = require "awork.desired.plan"

local M = {}

-- The inverse of one journaled change, or nil when it did nothing.
local function inverse(entry)
  local intent, result = entry.intent, entry.result
  if result and result.status == "not-done" then
    return nil
  end
  local certain = result and result.status == "done"
  local change = { owner = intent.owner, owner_id = intent.owner_id, name = intent.name, why = "undo" }
  local after = certain and result.after or intent.form
  if intent.op == "delete" then
    change.op, change.form, change.twins = "create", intent.before, intent.twins
  elseif intent.op == "update" then
    change.op, change.id, change.before, change.form = "update", intent.id, after, intent.before
    change.updatedOn = certain and result.updatedOn or nil
    change.fields = plans.fields_changed(after, intent.before)
  else
    change.op, change.before = "delete", after
    if certain and result.id then
      change.id, change.updatedOn = result.id, result.updatedOn
    else
      -- No answer came: what was made, if it was, is known by what it says.
      change.by_content, change.twins = true, intent.twins
    end
  end
  return change
end

--- The plan that undoes what a journal tells of, the last change first.
-- @param path of the journal
-- @return plan, or nil, err (kind "file")
function M.plan(path)
  local read, err = journal.read(path)
  if not read then
    return nil, err
  end
  local changes = {}
  for i = #read.entries, 1, -1 do
    changes[#changes + 1] = inverse(read.entries[i])
  end
  return plans.undo(changes, read.base_url)
end

return M
