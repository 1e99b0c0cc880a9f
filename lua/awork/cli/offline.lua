--- Commands that need no awork: validate, types, completion.
local core = require "awork.core"
local awork = require "awork"
local format = require "awork.format"
local output = require "awork.cli.output"
local people = require "awork.cli.people"
local show = require "awork.desired.show"
local stream = require "awork.format.stream"

local M = {}

-- What is found wrong or doubtful: counted, and written as it comes, in constant memory.
local Findings = {}
Findings.__index = Findings

function Findings:add(severity, place, finding)
  local ui = self.ctx.ui
  self[severity] = self[severity] + 1
  finding.message = output.worded(finding.message)
  finding.hint = finding.hint and output.worded(finding.hint)
  if ui.json then
    finding.severity = severity
    self.stream.write(finding)
    return
  end
  local text = finding.message
  if finding.property and not core.lower(text):find(core.lower(finding.property), 1, true) then
    text = finding.property .. ": " .. text
  end
  if finding.hint then
    text = ("%s (%s)"):format(text, finding.hint)
  end
  ui:out(("%s: %s: %s\n"):format(show.safe(place or "?"), ui:paint(severity == "wrong" and "red" or "yellow", severity),
    show.safe(text)))
end

function Findings:violations(severity, list, person, index)
  for _, violation in ipairs(list) do
    local source = person.source or {}
    local column = source.columns and source.columns[index]
    if type(column) == "table" then
      column = column[violation.property or "value"] or column.value or column.addressLine1
    end
    self:add(severity, format.where(person, index, violation.property), {
      file = source.file, row = source.row, line = source.line, column = type(column) == "string" and column or nil,
      contact_info = index, property = violation.property, rule = violation.rule, message = violation.message,
      hint = violation.hint,
    })
  end
end

--- `validate`: exit code 0 if nothing is wrong, else 1.
function M.validate(ctx)
  local reader, failed = people.open(ctx)
  if not reader then
    return nil, failed
  end
  local ui, strict = ctx.ui, ctx.opts.strict or false
  local findings = setmetatable({ ctx = ctx, wrong = 0, doubtful = 0 }, Findings)
  if ui.json then
    ui:out '{"findings":'
    findings.stream = output.stream(function(text) ui:out(text) end)
  end
  local count, infos = 0, 0
  for person, err in reader do
    ctx:check()
    if person then
      count = count + 1
      for i, info in ipairs(person.contact_infos or {}) do
        infos = infos + 1
        -- What a plan is told beside the form's fields is no part of what is sent.
        local form = {}
        for key, value in pairs(info) do
          if key ~= "id" and key ~= "absent" and key ~= "replace" then
            form[key] = value
          end
        end
        local ok, problem = awork.validate(form, person.company and "company" or "user", strict)
        if not ok then
          findings:violations("wrong", problem.violations, person, i)
        elseif problem then
          findings:violations("doubtful", problem, person, i)
        end
      end
    else
      findings:add("wrong", stream.place(err), {
        file = err.file, row = err.row, line = err.line, column = err.column, property = err.property, rule = err.code,
        message = err.message or err.description })
    end
  end
  -- What is said of one row or card is a finding; what is said of the whole file comes last, as a warning.
  local whole = {}
  for _, warning in ipairs(reader.warnings or {}) do
    if warning.row then
      warning.file = warning.file or reader.file
      findings:add(strict and "wrong" or "doubtful", stream.place(warning), { file = warning.file, row = warning.row,
        line = warning.line, column = warning.column, property = ui.json and warning.property or nil,
        rule = "left-out", message = warning.message })
    else
      whole[#whole + 1] = warning
    end
  end
  if ui.json then
    findings.stream.finish()
    ui:out((',"people":%d,"contact_infos":%d,"wrong":%d,"doubtful":%d}\n'):format(count, infos, findings.wrong,
      findings.doubtful))
  else
    ui:out(("%d people, %d contact infos: %s, %d doubtful\n"):format(count, infos,
      findings.wrong > 0 and ui:paint("red", findings.wrong .. " wrong") or "0 wrong", findings.doubtful))
  end
  people.warn(ctx, { file = reader.file, warnings = whole })
  return findings.wrong == 0 and 0 or 1
end

--- `types`.
function M.types(ctx)
  local owner = ctx.opts.companies and "company" or "user"
  if ctx.ui.json then
    local list = {}
    for i, entry in ipairs(awork.types(owner)) do
      list[i] = output.object { { "type", output.json(entry.type) }, { "subtype", output.json(entry.subtype) },
        { "subtypes", output.array(entry.subtypes) } }
    end
    ctx.ui:out("[" .. table.concat(list, ",\n") .. "]\n")
    return 0
  end
  for _, entry in ipairs(awork.types(owner)) do
    ctx.ui:out(("%s %s\n"):format(output.cell(entry.type, 10),
      #entry.subtypes > 0 and table.concat(entry.subtypes, " | ")
      or entry.subtype == "none" and "(no subtype)" or "(any subtype)"))
  end
  return 0
end

--- `completion`.
function M.completion(ctx)
  ctx.ui:out(require "awork.cli.parser".completion(ctx.opts.shell))
  return 0
end

return M
