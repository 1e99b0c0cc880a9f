--- Commands around plans: plan, apply, undo.
local awork = require "awork"
local connection = require "awork.cli.connection"
local errors = require "awork.error"
local output = require "awork.cli.output"
local people = require "awork.cli.people"

local M = {}

local function failure(code, description, hint)
  return nil, errors.new { kind = "cli", code = code, description = description, hint = hint, retryable = false }
end

local function plan_text(plan, color, partial)
  local text = output.worded(plan:to_text { color = color })
  return partial and text:gsub("nothing is applied unless %-%-partial asks for it", "the rest can be applied") or text
end

-- A plan as JSON, to standard output, a piece at a time: it may be large.
local function plan_json(ctx, plan)
  assert(plan:save(function(text)
    ctx.ui:out(text)
    return true
  end))
end

-- People from a file, against awork.
local function make_plan(ctx, client)
  local opts, bad = people.plan_options(ctx.opts)
  if not opts then
    return nil, bad
  end
  local desired, err = people.desired(ctx)
  if not desired then
    return nil, err
  end
  ctx.reading = "Reading awork"
  local plan
  plan, err = connection.drive(ctx, client, function() return client:plan(desired, opts) end)
  ctx.reading = nil
  ctx.ui:clear()
  ctx:release()
  return plan, err
end

--- `plan`: exit code 0 nothing to do, 2 changes pending, 1 problems.
function M.plan(ctx)
  local usable, mistake = people.check_output(ctx.opts)
  if not usable then
    return nil, mistake
  end
  local client <close>, err = connection.client(ctx)
  if not client then
    return nil, err
  end
  local plan
  plan, err = make_plan(ctx, client)
  if not plan then
    return nil, err
  end
  local path = ctx.opts.output
  if path == "-" then -- the results are the plan; people read it where they read messages
    if not (ctx.ui.json or ctx.ui.quiet) then
      ctx.ui:err(plan_text(plan, ctx.ui.color_err))
    end
    plan_json(ctx, plan)
    return plan:exit_code()
  elseif path then
    ctx:hold()
    local ok, failed = plan:save(path)
    ctx:release()
    if not ok then
      return nil, failed
    end
  end
  if ctx.ui.json then
    plan_json(ctx, plan)
  else
    ctx.ui:out((plan_text(plan, ctx.ui.color)))
  end
  if path then
    ctx.ui:say("saved to %s; `awork-contacts apply %s` applies it", path, path)
  end
  return plan:exit_code()
end

-- The plan that a file is, or nothing if it is none.
local function saved_plan(ctx)
  local path = ctx.opts.file
  local file = path == "-" and ctx.system.stdin or io.open(path, "rb")
  if not file then
    return nil -- who reads people says why
  end
  local head, why = file:read(512)
  local function source()
    local piece, failed = head, why
    head, why = nil, nil
    if piece or failed then
      return piece, failed
    end
    return file:read(65536)
  end
  if not (head and head:find '^%s*{%s*"format"%s*:%s*"awork%-plan"') then
    if path ~= "-" and file:seek "set" then
      file:close()
    else -- a pipe is read but once: what was looked at goes first
      ctx.input = source
    end
    return nil
  end
  local plan, err = awork.load_plan(source)
  if path ~= "-" then
    file:close()
  end
  return plan, err
end

local PLANNING = { "from", "encoding", "user", "column", "ignore_column", "prune", "only", "replace", "touch",
  "default_country" }

local STATUS_FIELDS = { "op", "owner", "owner_id", "name", "id", "status", "reason" }

-- A report as JSON.
local function report_json(report)
  local results = {}
  for i, result in ipairs(report.results) do
    local fields = {}
    for j, name in ipairs(STATUS_FIELDS) do
      local value = result[name]
      fields[j] = { name, value ~= nil and output.json(value) or nil }
    end
    fields[#STATUS_FIELDS + 1] = { "form", result.change.form and output.json(result.change.form) }
    fields[#STATUS_FIELDS + 2] = { "before", result.change.before and output.json(result.change.before) }
    fields[#STATUS_FIELDS + 3] = { "error", result.err and output.error(result.err) }
    results[i] = output.object(fields)
  end
  return output.object {
    { "state", output.json(report.state) }, { "counts", output.json(report.counts) },
    { "total", output.json(report.total) }, { "settled", output.json(report.settled) },
    { "cancelled", output.json(report.cancelled or false) }, { "problems", output.array(report.problems) },
    { "skipped", output.array(report.skipped) }, { "journal", report.journal and output.json(report.journal) },
    { "error", report.error and output.error(report.error) },
    { "results", "[\n" .. table.concat(results, ",\n") .. "\n]" },
  } .. "\n"
end

-- Shows a plan, asks, applies it, reports.
local function carry_out(ctx, client, plan, verb)
  local ui, opts = ctx.ui, ctx.opts
  if opts.delete_limit ~= nil and plan.options.delete_limit ~= opts.delete_limit then
    plan.options.delete_limit = opts.delete_limit
    require "awork.desired.plan".tally(plan)
  end
  if not ui.json then
    ui:out((plan_text(plan, ui.color, opts.partial)))
    ui:flush()
  end
  -- Who is asked has seen the plan, wherever the results go and however quiet it is.
  local asked = not opts.yes and not plan:is_empty() and ui:can_ask()
  if ui.json and not (ui.quiet or opts.yes) or asked and (ui.json or not ui.seen) then
    ui:err((plan_text(plan, ui.color_err, opts.partial)))
  end
  local function refused(err)
    err.description = output.worded(err.description)
    return nil, err
  end
  if (#plan.problems > 0 and not opts.partial and not plan.undo) or plan.summary.over_limit then
    local _, err = client:apply(plan, { partial = opts.partial })
    return refused(err)
  end
  if not plan:is_empty() and not opts.yes then
    local count = #plan.changes
    local what = count == 1 and "this change" or ("these %d changes"):format(count)
    local answer = ui:confirm(("%s %s?"):format(verb, what))
    ctx:check()
    if answer == nil then
      return failure("not-confirmed", "nothing is applied: there is no terminal to ask on",
        "--yes applies without asking")
    elseif not answer then
      return failure("not-confirmed", "nothing is applied")
    end
  end
  local bar = ui:bar(verb == "Undo" and "Undoing" or "Applying")
  local report, err, partial = connection.drive(ctx, client, function()
    return client:apply(plan, {
      partial = opts.partial, concurrency = opts.concurrency, journal = opts.journal,
      on_progress = function(done, total) bar(done, total) end,
      should_stop = function() return ctx:signal() ~= nil end,
    })
  end, true)
  ui:clear()
  report = report or partial
  if not report then
    return refused(err)
  end
  if ctx:signal() and report.state == "incomplete" then
    report.cancelled = true
  end
  local written, broken = pcall(function()
    ui:out(ui.json and report_json(report) or output.worded(report:to_text { color = ui.color }))
    ui:flush()
  end)
  if not written then
    -- Whoever read the results is gone, by the same Ctrl-C perhaps. What was done is to be told all the same.
    ui:err(output.worded(report:to_text { color = ui.color_err }))
    error(broken, 0)
  end
  return ctx:signal() and report.state == "incomplete" and ctx:stopped() or report:exit_code()
end

--- `apply`: exit code 0 if awork is as the plan says, else 1.
function M.apply(ctx)
  local opts = ctx.opts
  local plan, err = saved_plan(ctx)
  if err then
    return nil, err
  elseif plan then
    for _, name in ipairs(PLANNING) do
      local value = opts[name]
      if value ~= nil and (type(value) ~= "table" or next(value) ~= nil) then
        return failure("usage", ("--%s is for making a plan; %s is one already"):format(name:gsub("_", "-"), opts.file))
      end
    end
  end
  local client <close>, problem = connection.client(ctx)
  if not client then
    return nil, problem
  end
  if not plan then
    plan, err = make_plan(ctx, client)
    if not plan then
      return nil, err
    end
  end
  return carry_out(ctx, client, plan, "Apply")
end

--- `undo`: exit code 0 if all is as it was, else 1; with --dry-run 2 if there is something to undo.
function M.undo(ctx)
  local plan, err = awork.undo_plan(ctx.opts.journal_file)
  if not plan then
    return nil, err
  end
  if ctx.opts.dry_run then
    if ctx.ui.json then
      plan_json(ctx, plan)
    else
      ctx.ui:out((plan_text(plan, ctx.ui.color)))
    end
    return plan:exit_code()
  end
  local client <close>, problem = connection.client(ctx)
  if not client then
    return nil, problem
  end
  return carry_out(ctx, client, plan, "Undo")
end

return M
