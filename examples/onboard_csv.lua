-- Gives the people in a file (CSV, vCard, SCIM, JSON) their contact infos in awork: several requests at once, within
-- the rate limit, each exactly once.
--
--   AWORK_TOKEN=... lua5.4 examples/onboard_csv.lua examples/people.csv
--
-- A person is whoever has their email address in awork already. Exit status: 1 if something could not be created.
local awork = require "awork"
local format = require "awork.format"

local path = arg[1]
if not path then
  io.stderr:write "usage: onboard_csv.lua FILE\n"
  os.exit(2)
end
local client = assert(awork.client { token = os.getenv "AWORK_TOKEN", base_url = os.getenv "AWORK_BASE_URL" })

local failed = 0
local function complain(where, what)
  failed = failed + 1
  print(("%s: %s"):format(where, what))
end

-- Who is who: all users with their contact infos, a thousand a request.
local users = {}
for user, err in client.users:each() do
  if not user then error(err) end
  for _, info in ipairs(user.userContactInfos or {}) do
    if info.type == "email" and info.value then users[info.value:lower()] = user end
  end
end

-- What the user has already is not created again.
local function has(user, wanted)
  for _, info in ipairs(user.userContactInfos or {}) do
    if info.type == wanted.type and info.value == wanted.value and info.addressLine1 == wanted.addressLine1 then
      return true
    end
  end
  return false
end

-- The rows for create_many, one after the other, however long the file is.
local rows = coroutine.wrap(function()
  for person, err in format.read(path) do
    local user = person and users[person.user:lower()]
    if not person then
      complain(path, err)
    elseif not user then
      complain(format.where(person), "no user of awork has the address " .. person.user)
    else
      for i, info in ipairs(person.contact_infos) do
        if not has(user, info) then
          coroutine.yield { user_id = user.id, info = info, where = format.where(person, i) }
        end
      end
    end
  end
end)

local report, err = client.contact_infos:create_many(rows, {
  on_result = function(_, row, _, problem)
    if problem then complain(row.where, problem) end
  end,
})
if not report then error(err) end
print(("created %d, failed %d"):format(report.created, failed))
client:close()
os.exit(failed == 0 and 0 or 1, true)
