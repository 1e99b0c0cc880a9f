--- Random people for the specs of the formats: seeded, so that every run has the same.
local core = require "awork.core"

local M = {}

local EFFORT = tonumber(os.getenv "AWORK_EFFORT") or 1

--- How many random cases to try where `n` is the usual number: fewer where everything is slow.
function M.cases(n) return math.ceil(n * EFFORT) end

--- How large a large input is, where `n` is the usual size.
function M.size(n) return math.ceil(n * math.max(EFFORT, 0.1)) end

--- How many thousand steps of Lua's machine `f` takes: a measure of time that nothing else on the computer changes.
function M.steps(f)
  local count = 0
  local hook, mask, every = debug.gethook()
  debug.sethook(function() count = count + 1 end, "", 1000)
  f()
  debug.sethook(hook, mask, every)
  return count
end

local COUNTRIES = core.countries()
local WORDS = { "Lindenhof", "Straße", "Übergrößen", "Ærø", "naïve", "日本", "😀", "O'Neill", "a", "0", "01067", "x y" }
-- What formats stumble over, each in another way.
local NASTY = {
  '"', '""', ",", ";", "\t", "|", ":", "\\", "\n", "\r", "\r\n", "'", "=", "+", "-", "@", "=1+1", "#N/A", "##",
  "+cmd|' /C calc'!A0", "'+49", "''=", "4,93E+11", "1E5", "\\n", "\\,", "^n", "^", "{", "}", "[", "]", "null", "tel:+1",
  "mailto:", "skype:", "x-apple:", "https://x.example/a?b=c&d=%20", "=3D", "=\n", " ", "  ", "\u{A0}", "BEGIN:VCARD",
  "END:VCARD", "\u{FEFF}", "\127", "a\u{308}", "/", "\\/", "<>", "&amp;", "%s", "\1", "\u{2028}", ":::", "sep=;",
}

--- A generator with functions that draw from its own sequence. `without`: a pattern that no text may match.
function M.generator(seed, without)
  local state = seed
  local G = {}

  --- 1..n; a sequence of our own, that no other user of math.random disturbs.
  function G.int(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return math.tointeger((state >> 33) % n) + 1
  end

  function G.pick(list) return list[G.int(#list)] end

  function G.chance(percent) return G.int(100) <= percent end

  --- Text that is never empty.
  function G.text()
    local parts = {}
    for i = 1, G.int(4) do parts[i] = G.chance(40) and G.pick(NASTY) or G.pick(WORDS) end
    if G.chance(3) then parts[#parts + 1] = ("ä"):rep(G.int(300)) end
    local s = table.concat(parts)
    if without and s:find(without) then return G.text() end
    return s
  end

  function G.phone() return ("+49 30 23125 %03d"):format(G.int(1000) - 1) end

  function G.guid()
    return ("%08x-%04x-%04x-%04x-%012x"):format(G.int(1 << 31), G.int(65536) - 1, G.int(65536) - 1,
      G.int(65536) - 1, G.int(1 << 31))
  end

  --- A contact info of awork's; `odd`: also ones without subtype, of types that awork has not, with fields too many.
  function G.info(odd)
    if odd and G.chance(15) then
      local info = { type = G.pick { "custom", "custom", "pager", "phone" }, label = G.text(), value = G.text() }
      if G.chance(50) then info.subType = G.pick { "-", "work", "a:b", "\\", "x y", "2", "value" } end
      return info
    end
    local types = core.types "user"
    local entry
    repeat entry = G.pick(types) until entry.subtypes[1]
    local info = { type = entry.type, subType = G.pick(entry.subtypes) }
    if odd and G.chance(5) then info.subType = nil end
    if entry.type == "address" then
      info.isAddress = true
      info.addressLine1 = G.text()
      if G.chance(30) then info.addressLine2 = G.text() end
      if G.chance(80) then info.zipCode = G.pick { "01067", "10119", "NW1 6XE", G.text() } end
      if G.chance(80) then info.city = G.text() end
      if G.chance(20) then info.state = G.text() end
      if G.chance(80) then info.country = G.pick(COUNTRIES) end
    else
      info.value = entry.type == "phone" and G.chance(60) and G.phone() or G.text()
    end
    return info
  end

  function G.person(odd)
    local person = { contact_infos = {} }
    person.user = G.chance(50) and G.guid() or ("p%d@example.com"):format(G.int(1000000))
    if G.chance(90) then person.firstName = G.text() end
    if G.chance(90) then person.lastName = G.text() end
    for i = 1, G.int(7) - 1 do person.contact_infos[i] = G.info(odd) end
    return person
  end

  --- Text with some bytes wrong: changed, left out, doubled, cut.
  function G.damage(s)
    for _ = 1, G.int(6) do
      local at = G.int(#s + 1)
      local kind = G.int(5)
      if kind == 1 then s = s:sub(1, at - 1) .. string.char(G.int(256) - 1) .. s:sub(at + 1)
      elseif kind == 2 then s = s:sub(1, at - 1) .. s:sub(at + G.int(5))
      elseif kind == 3 then s = s:sub(1, at) .. s:sub(math.max(1, at - G.int(20)))
      elseif kind == 4 then s = s:sub(1, at - 1) .. G.pick(NASTY) .. s:sub(at)
      else s = s:sub(1, math.max(0, #s - G.int(30))) end
    end
    return s
  end

  --- A function that gives `s` in pieces of random size.
  function G.pieces(s)
    local at = 1
    return function()
      if at > #s then return nil end
      local from = at
      at = at + G.int(G.chance(50) and 3 or 200)
      return s:sub(from, at - 1)
    end
  end

  return G
end

local FIELDS, IS_FIELD = {}, {}
for i, field in ipairs(core.fields()) do
  FIELDS[i], IS_FIELD[field.name] = field.name, true
end

--- A contact info as one string.
function M.info_key(info)
  local parts = {}
  for _, field in ipairs(FIELDS) do
    if info[field] ~= nil then parts[#parts + 1] = ("%s=%q"):format(field, info[field]) end
  end
  for key in pairs(info) do assert(IS_FIELD[key], key) end
  return table.concat(parts, " ")
end

--- A person as one string. `order`: "all" if that of the contact infos counts, "type" if it counts among those of one
-- type and subtype, "none".
function M.key(person, order)
  local keys, counts = {}, {}
  for i, info in ipairs(person.contact_infos) do
    local rank = ""
    if order == "type" then
      local pair = ("%s/%s/"):format(info.type, info.subType)
      counts[pair] = (counts[pair] or 0) + 1
      rank = ("%s%03d "):format(pair, counts[pair])
    end
    keys[i] = rank .. M.info_key(info)
  end
  if order ~= "all" then table.sort(keys) end
  return ("%s|%s|%s\n%s"):format(person.user, person.firstName, person.lastName, table.concat(keys, "\n"))
end

return M
