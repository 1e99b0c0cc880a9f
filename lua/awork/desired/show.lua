--- Plans and reports as text for people: a diff, in colour where that is asked for.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local plan = require "awork.desired.plan"

local M = {}

local COLORS = { create = "\27[32m", update = "\27[33m", delete = "\27[31m", problem = "\27[31m", dim = "\27[2m",
  bold = "\27[1m" }
local SIGNS = { create = "+", update = "~", delete = "-" }

-- What goes to a terminal must not steer it: `core.visible` is the one rule.
local function safe(value)
  return core.visible(tostring(value))
end
M.safe = safe

--- What a contact info says, on one line.
-- @param info a contact info or a form
-- @return string
function M.value(info)
  if normalise.is_address(info) then
    local place = normalise.fold(normalise.fold(info.zipCode) .. " " .. normalise.fold(info.city))
    local parts = {}
    for _, part in ipairs { normalise.fold(info.addressLine1), normalise.fold(info.addressLine2), place,
      normalise.fold(info.state), normalise.fold(info.country) } do
      if part ~= "" then
        parts[#parts + 1] = part
      end
    end
    return safe(table.concat(parts, ", "))
  end
  return safe(normalise.fold(info.value))
end

--- Type and subtype on one line: `phone/work`, `custom "Badge"`.
function M.kind(info)
  local text, subtype, label = normalise.fold(info.type), normalise.fold(info.subType), normalise.fold(info.label)
  text = text ~= "" and text or "?"
  if subtype ~= "" then
    text = text .. "/" .. subtype
  end
  return safe(label ~= "" and ('%s "%s"'):format(text, label) or text)
end

--- Where something came from: `people.csv, row 17, column 'Phone'`, `people.vcf, card 3, TEL (line 7)`; "" when nothing
-- is known.
function M.place(source)
  if type(source) ~= "table" then
    return ""
  end
  local parts = {}
  local unit = type(source.unit) == "string" and source.unit -- "card", "item": what has no rows has no columns either
  for _, name in ipairs { "file", "row", "line", "column" } do
    local value = source[name]
    if type(value) == "string" or math.type(value) == "integer" then
      if name == "file" then
        parts[#parts + 1] = safe(value)
      elseif name == "column" then
        parts[#parts + 1] = (unit and "%s" or "column '%s'"):format(safe(value))
      elseif name == "row" or source.row == nil then
        parts[#parts + 1] = ("%s %s"):format(name == "row" and unit and safe(unit) or name, safe(value))
      end
    end
  end
  return table.concat(parts, ", ")
end

local function painter(color)
  if not color then
    return function(_, text) return text end
  end
  return function(name, text) return COLORS[name] .. text .. "\27[0m" end
end

local function pad(text, width)
  return text .. (" "):rep(width - (utf8.len(text) or #text))
end

--- One change on one line, without its sign.
function M.change(change)
  if change.op == "create" then
    return pad(M.kind(change.form), 16) .. "  " .. M.value(change.form)
  elseif change.op == "delete" then
    return pad(M.kind(change.before), 16) .. "  " .. M.value(change.before)
  end
  local before, after = change.before, change.form
  if M.kind(before) == M.kind(after) and M.value(before) ~= M.value(after) then
    return ("%s  %s -> %s"):format(pad(M.kind(after), 16), M.value(before), M.value(after))
  elseif M.value(before) == M.value(after) and M.kind(before) ~= M.kind(after) then
    return ("%s  %s (was %s)"):format(pad(M.kind(after), 16), M.value(after), M.kind(before))
  elseif M.value(before) == M.value(after) then
    return ("%s  %s (%s)"):format(pad(M.kind(after), 16), M.value(after),
      safe(table.concat(change.fields or {}, ", ")))
  end
  return ("%s  %s -> %s  %s"):format(pad(M.kind(before), 16), M.value(before), M.kind(after), M.value(after))
end

local function who_of(item)
  return safe(item.name or item.who or item.owner_id or "?")
end

local function plural(n, one, many)
  return ("%d %s"):format(n, n == 1 and one or many)
end

-- `list` of items of one person each, as blocks.
local function problems(out, paint, title, sign, list, text_of)
  if #list == 0 then
    return
  end
  out[#out + 1] = paint("bold", title)
  for _, item in ipairs(list) do
    local place = M.place(item.source)
    out[#out + 1] = ("  %s %s: %s%s"):format(sign, who_of(item), text_of(item),
      place ~= "" and paint("dim", "  (" .. place .. ")") or "")
  end
  out[#out + 1] = ""
end

local REASONS = {
  archived = "is archived", deactivated = "is deactivated", deleted = "is deleted", external = "is external",
  agent = "is an agent", login = "is the address they log in with", identifier = "is the address they are found by",
}

local function skipped_text(item)
  local reason = REASONS[item.reason] or safe(item.reason)
  if item.op then
    return ("%s %s %s: not touched"):format(M.kind(item), M.value(item), reason)
  end
  return reason .. ": not touched"
end

--- The plan as text: a block for each person, what is wrong, what is left alone, one line of sums.
-- @param opts { color = boolean (false) }
-- @return string
function plan.Plan:to_text(opts)
  local paint = painter(opts and opts.color)
  local out, last = {}, nil
  for _, change in ipairs(self.changes) do
    local key = change.owner .. change.owner_id
    if key ~= last then
      if last then
        out[#out + 1] = ""
      end
      local place = M.place(change.source and { file = change.source.file, row = change.source.row,
        line = change.source.line, unit = change.source.unit })
      out[#out + 1] = paint("bold", who_of(change)) .. paint("dim", "  " .. safe(change.owner_id)
        .. (place ~= "" and "  (" .. place .. ")" or ""))
      last = key
    end
    out[#out + 1] = paint(change.op, ("  %s %s"):format(SIGNS[change.op], M.change(change)))
  end
  if last then
    out[#out + 1] = ""
  end
  problems(out, paint, "Problems", paint("problem", "!"), self.problems, function(item) return safe(item.message) end)
  problems(out, paint, "Warnings", "?", self.warnings, function(item)
    return ("%s: %s"):format(safe(item.property), safe(item.message))
  end)
  problems(out, paint, "Left alone", ".", self.skipped, skipped_text)
  local summary = self.summary
  if #self.changes == 0 then
    out[#out + 1] = self.undo and "Nothing to undo." or ("Nothing to do: %s as they should be.")
      :format(plural(summary.keep, "contact info is", "contact infos are"):gsub(" is$", ""):gsub(" are$", ""))
  else
    out[#out + 1] = ("%s: %d to add, %d to change, %d to delete, for %s%s."):format(self.undo and "Undo" or "Plan",
      summary.create, summary.update, summary.delete, plural(summary.changed, "person", "people"),
      self.undo and "" or ("; %d as they should be"):format(summary.keep))
  end
  if #self.problems > 0 and not self.undo then
    out[#out + 1] = ("%s: nothing is applied unless that is asked for (partial)."):format(
      plural(#self.problems, "problem", "problems"))
  end
  if summary.over_limit then
    out[#out + 1] = paint("problem", M.over_limit(self))
  end
  return table.concat(out, "\n") .. "\n"
end

--- Why a plan beyond its limit is not applied, and what to do about it.
-- @return string
function M.over_limit(self)
  local summary = self.summary
  return ("It would delete %d and replace %d of %d contact infos, more than the limit of %d: nothing is applied. "
    .. "If that is meant, set delete_limit = %d."):format(summary.delete, summary.replace, summary.in_scope,
    summary.delete_limit, summary.delete + summary.replace)
end

local function write(out, text)
  if out == nil then
    io.stdout:write(text)
  elseif type(out) == "function" then
    out(text)
  else
    out:write(text)
  end
end
M.write = write

--- Prints the plan.
-- @param out what has a write method, or a function that takes text; standard output by default
-- @param opts { color = boolean (false) }
function plan.Plan:print(out, opts)
  write(out, self:to_text(opts))
end

--- Is there nothing to do?
-- @return boolean
function plan.Plan:is_empty()
  return #self.changes == 0
end

--- What has come out of it: "problems" (also beyond the delete limit), "changes" or "nothing".
-- @return string
function plan.Plan:state()
  if #self.problems > 0 or self.summary.over_limit then
    return "problems"
  end
  return #self.changes > 0 and "changes" or "nothing"
end

local EXIT = { nothing = 0, changes = 2, problems = 1 }

--- The exit code of a command that plans: 0 nothing to do, 2 changes pending, 1 problems.
-- @return integer
function plan.Plan:exit_code()
  return EXIT[self:state()]
end

return M
