-- Checks the contact infos in a file (CSV, vCard, SCIM, JSON, JSON lines), without the network and without a token.
--
--   lua5.4 examples/validate_list.lua examples/people.csv
--
-- Prints a line for each thing that is wrong or doubtful, with its place in the file. Exit status: 1 if something is
-- wrong, otherwise 0.
local awork = require "awork"
local format = require "awork.format"

local path = arg[1]
if not path then
  io.stderr:write "usage: validate_list.lua FILE\n"
  os.exit(2)
end

local count, wrong, doubtful = 0, 0, 0

local function report(person, index, level, finding)
  print(("%s: %s: %s%s"):format(format.where(person, index, finding.property), level, finding.message,
    finding.hint and " -- " .. finding.hint or ""))
end

for person, err in format.read(path) do
  if not person then
    wrong = wrong + 1
    print(err)
  else
    for i, info in ipairs(person.contact_infos) do
      count = count + 1
      local ok, result = awork.validate(info)
      if not ok then wrong = wrong + 1 end
      for _, violation in ipairs(result and result.violations or {}) do report(person, i, "wrong", violation) end
      local warnings = ok and result or result and result.warnings or {}
      for _, warning in ipairs(warnings) do
        doubtful = doubtful + 1
        report(person, i, "doubtful", warning)
      end
    end
  end
end
print(("%d contact infos, %d wrong, %d doubtful"):format(count, wrong, doubtful))
os.exit(wrong == 0 and 0 or 1, true)
