--- What came of a plan.
local show = require "awork.desired.show"

local M = {}

local Report = {}
Report.__index = Report
Report.__name = "awork.report"

-- What has not come about, by status: how it is counted too. What is done is counted by its op.
local NOT_DONE = { stale = true, failed = true, withheld = true }

--- A report on a plan of which nothing is done yet.
--
--     report.state       "nothing" | "done" | "incomplete"
--     report.counts      { create=, update=, delete= (done), already=, stale=, failed=, withheld=, not_run= }
--     report.results     one for each of plan.changes: { op=, owner=, owner_id=, name=, id=, change =, status =
--                        "done" | "already" | "stale" | "failed" | "withheld" | "not-run", reason=, err= }
--     report.total, report.settled, report.problems (of the plan), report.skipped (of the plan)
--     report.cancelled   true when it was asked to stop
--     report.error       what made it stop, if something did
--     report.journal     path of the undo journal, when something was written
-- @param breathe called for each change, to let others run; optional
function M.new(plan, breathe)
  local report = setmetatable({ state = "nothing", total = #plan.changes, settled = 0, results = {}, undo = plan.undo,
    problems = plan.problems, skipped = plan.skipped, counts = { create = 0, update = 0, delete = 0, already = 0,
    stale = 0, failed = 0, withheld = 0, not_run = #plan.changes } }, Report)
  for i, change in ipairs(plan.changes) do
    report.results[i] = { op = change.op, owner = change.owner, owner_id = change.owner_id, name = change.name,
      id = change.id, status = "not-run", change = change }
    if breathe then
      breathe()
    end
  end
  return report
end

--- Counts a result that has got its status.
function Report:_count(result)
  local counts = self.counts
  local key = result.status == "done" and result.op or result.status
  counts[key] = counts[key] + 1
  counts.not_run = counts.not_run - 1
  self.settled = self.settled + 1
end

--- Says what the whole amounts to.
function Report:_finish()
  local counts = self.counts
  if counts.stale + counts.failed + counts.withheld + counts.not_run > 0 or self.error then
    self.state = "incomplete"
  else
    self.state = self.total > 0 and "done" or "nothing"
  end
end

--- The exit code of a command that applies: 0 when everything is as the plan says, else 1.
-- @return integer
function Report:exit_code()
  return (self.state == "incomplete" or #self.problems > 0) and 1 or 0
end

--- The report as text: what did not come about and why, one line of sums, where the journal is.
-- @param opts { color = boolean (false) }
-- @return string
function Report:to_text(opts)
  local red, plain = "", ""
  if opts and opts.color then
    red, plain = "\27[31m", "\27[0m"
  end
  local out = {}
  for _, result in ipairs(self.results) do
    if NOT_DONE[result.status] then
      out[#out + 1] = ("%s%s%s  %s  %s %s: %s"):format(red, result.status, plain,
        show.safe(result.name or result.owner_id), result.op, show.change(result.change),
        show.safe(tostring(result.err or result.reason)))
    end
  end
  if self.undo then
    for _, problem in ipairs(self.problems) do
      out[#out + 1] = ("%slost%s  %s: %s"):format(red, plain, show.safe(problem.name or problem.who),
        show.safe(problem.message) .. " (" .. show.place(problem.source) .. ")")
    end
  end
  local counts = self.counts
  local sums = {}
  for _, pair in ipairs { { "create", "added" }, { "update", "changed" }, { "delete", "deleted" },
    { "already", "there already" }, { "stale", "stale" }, { "failed", "failed" }, { "withheld", "withheld" },
    { "not_run", "not begun" } } do
    local n = counts[pair[1]]
    if n > 0 then
      sums[#sums + 1] = ("%d %s"):format(n, pair[2])
    end
  end
  out[#out + 1] = (self.cancelled and "Stopped: " or self.undo and "Undone: " or "Applied: ")
    .. (#sums > 0 and table.concat(sums, ", ") or "nothing to do") .. "."
  if self.error then
    out[#out + 1] = red .. show.safe(tostring(self.error)) .. plain
  end
  if self.journal then
    out[#out + 1] = "Undo journal: " .. show.safe(self.journal)
  end
  return table.concat(out, "\n") .. "\n"
end

--- Prints the report.
-- @param out, opts as for plan:print
function Report:print(out, opts)
  show.write(out, self:to_text(opts))
end

return M
