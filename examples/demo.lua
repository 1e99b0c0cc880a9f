-- What awork does, in one minute: contact infos created, read back, refused, updated and deleted over real HTTP.
-- `make demo` runs it. The server is awork.sandbox, inside this process: nothing leaves this machine.
local awork = require "awork"
local sandbox = require "awork.sandbox"

local function heading(...)
  print(("\n" .. select(1, ...)):format(select(2, ...)))
end

-- One contact info on one line.
local function show(verb, info)
  local what = info.value
  if info.isAddress then what = ("%s, %s %s, %s"):format(info.addressLine1, info.zipCode, info.city, info.country) end
  print(("   %-9s %-9s %-8s %s"):format(verb, info.type, info.subType or "", what))
end

local server <close> = assert(sandbox.start {})
local client <close> = assert(awork.client { token = server.token, base_url = server.url })
local user_id = server.user_ids[1]
local user = assert(client.users:get(user_id))
print(("A sandbox of awork listens on %s"):format(server.url))

heading("1. Create contact infos of %s %s", user.firstName, user.lastName)
local wanted = {
  { type = "phone", subType = "mobile", value = "+49 170 1234567" },
  { type = "email", subType = "work", value = "ada@example.com" },
  { type = "address", subType = "work", addressLine1 = "Torstrasse 140", zipCode = "10119", city = "Berlin",
    country = "DE" },
}
local created = {}
for i, info in ipairs(wanted) do
  created[i] = assert(client.contact_infos:create(user_id, info))
  show("created", created[i])
end

heading "2. Read them back"
for _, info in ipairs(assert(client.contact_infos:list(user_id))) do show("has", info) end

heading "3. Refused: one with mistakes"
local wrong = { type = "phone", subType = "mobil", value = "+49 170 1234567", zip = "10119", country = "Germany" }
print '   { type = "phone", subType = "mobil", value = "+49 170 1234567", zip = "10119", country = "Germany" }'

-- A refusal by this module and one by the server have the same shape.
local function show_refusal(title, err)
  print(("\n   %s"):format(title))
  for _, violation in ipairs(err.violations) do
    print("   - " .. violation.message)
    if violation.hint then print("     " .. violation.hint) end
  end
end

local _, by_us = client.contact_infos:create(user_id, wrong)
show_refusal("by this module, before anything is sent:", assert(by_us, "nothing was refused"))

local unchecked <close> = assert(awork.client { token = server.token, base_url = server.url, validate = false })
local _, by_server = unchecked.contact_infos:create(user_id, wrong)
show_refusal(("by the server (%d), for a client with validate = false:"):format(by_server.status), by_server)

heading "4. Update the phone number"
local phone = assert(client.contact_infos:update(user_id, created[1].id,
  { type = "phone", subType = "work", value = "+49 30 7654321" }))
show("was", created[1])
show("is", phone)

heading "5. Delete the email address"
assert(client.contact_infos:delete(user_id, created[2].id))
show("deleted", created[2])
local _, gone = client.contact_infos:get(user_id, created[2].id)
assert(gone, "it is still there")
print(("   read again: %d %s"):format(gone.status, gone.code))

heading "6. What is left"
for _, info in ipairs(assert(client.contact_infos:list(user_id))) do show("has", info) end
