--- From an undo journal back to how it was: a plan like any other, computed from the journal alone.
local journal = require "awork.desired.journal"
local plans = require "awork.desired.plan"

local M = {}

-- Seconds, for a change's window, of a journal's milliseconds.
local function window_of(entry)
  local sent, at = entry.sent, entry.intent.at
  if sent and sent.at then
    return { from = sent.at // 1000, to = (sent.at + sent.within) // 1000 + 1 }
  elseif at then
    return { from = at // 1000, to = at // 1000 }
  end
  return nil
end

-- The inverse of one journaled change, or nil when it did nothing.
local function inverse(entry, user)
  local intent, result = entry.intent, entry.result
  if result and result.status == "not-done" then
    return nil
  end
  local certain = result and result.status == "done"
  local change = { owner = intent.owner, owner_id = intent.owner_id, name = intent.name, why = "undo" }
  local after = certain and result.after or intent.form
  if not certain then
    -- No answer came: it is undone only if what is there is what it made, and was made while its request was under way.
    change.unsent = not entry.sent and not result or nil
    change.window = intent.op ~= "delete" and window_of(entry) or nil
  end
  if intent.op == "delete" then
    change.op, change.form, change.twins = "create", intent.before, intent.twins
    change.was = not certain and intent.id or nil
  elseif intent.op == "update" then
    change.op, change.id, change.before, change.form = "update", intent.id, after, intent.before
    change.updatedOn = certain and result.updatedOn or nil
    change.fields = plans.fields_changed(after, intent.before)
  else
    change.op, change.before = "delete", after
    if certain and result.id then
      change.id, change.updatedOn = result.id, result.updatedOn
    else
      change.by_content, change.by = true, user
      change.window = change.window or window_of(entry)
    end
  end
  return change
end

--- The plan that undoes what a journal tells of, the last change first. What the journal tells of but can't be used is
-- among the plan's problems.
-- @param path of the journal
-- @param breathe called for each line and change, to let others run; optional
-- @return plan, or nil, err (kind "file")
function M.plan(path, breathe)
  local read, err = journal.read(path, breathe)
  if not read then
    return nil, err
  end
  local changes = {}
  for i = #read.entries, 1, -1 do
    changes[#changes + 1] = inverse(read.entries[i], read.user)
    if breathe then
      breathe()
    end
  end
  local plan = plans.undo(changes, read.base_url, breathe)
  plan.workspace = read.workspace
  for i, lost in ipairs(read.lost) do
    plan.problems[i] = { kind = "lost", owner = lost.owner, owner_id = lost.owner_id, name = lost.name,
      who = "the journal", source = { line = lost.line },
      message = lost.message .. ": what this line tells of is not undone" }
  end
  return plan
end

return M
