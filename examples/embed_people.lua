-- Another file for examples/embed.c: who should have which contact infos. What is there already is left as it is.
timeout = 10

local function reception(extension)
  return { type = "phone", subType = "work", value = "030 1234567-" .. extension }
end

people = {
  { user = "ada.albrecht@example.com", contact_infos = {
    reception(11), { type = "urls", subType = "work", value = "https://example.com/ada" } } },
  { user = "bela.bauer@example.com", contact_infos = { reception(12) } },
}
