-- What a user of examples/embed.c writes: plain Lua, in an environment with next to nothing in it.
timeout = 10

local switchboard = "+49 30 1234567"

contact_infos = {
  { type = "phone", subType = "work", value = switchboard .. "-0" },
  { type = "phone", subType = "fax", value = switchboard .. "-99" },
  { type = "address", subType = "work", addressLine1 = "Torstrasse 140", zipCode = "10119", city = "Berlin",
    country = "DE" },
}
