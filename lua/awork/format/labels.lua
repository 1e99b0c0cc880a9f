--- Words for kinds of contact infos, as people and programs write them, and what awork calls the same.
-- One table serves CSV headers, Google's labels, vCard's TYPE and X-ABLabel, and SCIM's type.
local elsewhere = require "awork.format.elsewhere"
local text = require "awork.format.text"

local M = {}

local MAX_LABEL = 200 -- bytes: one label may stand beside thousands of properties

-- concept → its words, folded (text.fold), separated by `|`.
local WORDS = {
  work = "work|works|business|office|job|corporate|company|professional|arbeit|arbeitsplatz|geschaeft|geschaefts|"
    .. "geschaeftlich|geschaeftliche|geschaeftlicher|geschaeftliches|dienst|dienstlich|dienstliche|"
    .. "dienstlicher|dienstliches|dienstl|geschaeftl|gesch|berufl|firmen|"
    .. "buero|firma|beruf|beruflich|berufliche|berufliches|g",
  home = "home|private|personal|privat|private|privater|privates|priv|persoenlich|persoenliche|persoenliches|zuhause|"
    .. "zu hause|p",
  mobile = "mobile|cell|cellular|cell phone|cellphone|mobile phone|mobile number|mobil|mobiles|mobiltelefon|"
    .. "mobilnummer|mobilfunk|mobilfunknummer|mobilnr|mobil tel|mobil telefon|mobile phones|handy|handynummer|handynr|"
    .. "smartphone|iphone|natel",
  fax = "fax|facsimile|telefax|faxnummer|fax number|fax phone|faxnr|telefaxnummer",
  -- Outlook's further address has both genders: "Weiteres/r Bundesland/Kanton", "Weiteres/e Land/Region".
  other = "other|andere|anderer|anderes|sonstige|sonstiger|sonstiges|weitere|weiterer|weiteres|weiteres r|weiteres e|"
    .. "weitere r|weitere s|weiterer s|further|additional|alternativ|alternative|alternativer|alternatives|alternate|"
    .. "secondary|sekundaer|sekundaere|sekundaerer|sekundaeres|zweite|zweiter|zweites",
  ["work fax"] = "workfax", ["home fax"] = "homefax",
  ["work mobile"] = "workmobile",
  skype = "skype|skype id|skype name|skypename",
  whatsapp = "whatsapp",
  facebook = "facebook", twitter = "twitter|x twitter|twitter x", xing = "xing", linkedin = "linkedin|linked in",
  instagram = "instagram|insta", pinterest = "pinterest", github = "github|git hub",
  -- Words that say nothing about the kind.
  [""] = "voice|pref|preferred|internet|main|default|text|msg|number|nummer|nr|no|profil|profile|profile url|"
    .. "profil url|link|handle|account|konto|primary|dom|intl|postal|parcel|x400|video|homepage|"
    .. "primaer|primaere|primaerer|primaeres|haupt|mailing|username|user name|benutzername|feed|adresszeile",
}

local CONCEPTS, LONGEST = {}, 1 -- phrase → list of concepts
M.concepts = CONCEPTS

--- Adds phrases to a table of them (ours by default): concept or several, separated by spaces → phrases.
local function learn(words, into)
  for concepts, phrases in pairs(words) do
    local list = {}
    for concept in concepts:gmatch "%S+" do list[#list + 1] = concept end
    for phrase in phrases:gmatch "[^|]+" do
      into[phrase] = list
      LONGEST = math.max(LONGEST, select(2, phrase:gsub(" ", "")) + 1)
    end
  end
end

learn(WORDS, CONCEPTS)
M.learn = learn

--- The concepts in a text as a set, with `number` for a number in it; second, whether a word was not known.
-- `more`: further phrases (false: one of ours that does not count); `prefixes`: what may stand before a word without a
-- space → its concept.
function M.parse(s, more, prefixes)
  if #s > MAX_LABEL then return {}, true end
  local words, found, unknown = {}, {}, false
  for word in text.fold(s):gmatch "[^ ]+" do
    words[#words + 1] = word
    if #words > 12 then return {}, true end
  end
  local function lookup(phrase)
    local list = more and more[phrase]
    if list == nil then list = CONCEPTS[phrase] end
    return list
  end
  local function take(list)
    for _, concept in ipairs(list) do found[concept] = true end
  end
  local i = 1
  while i <= #words do
    local taken
    for n = math.min(LONGEST, #words - i + 1), 1, -1 do
      local list = lookup(table.concat(words, " ", i, i + n - 1))
      if list then
        take(list)
        taken = n
        break
      end
    end
    local word = words[i]
    if not taken and word:find "^[0-9][0-9]?$" and not found.number then
      found.number, taken = tonumber(word), 1
    end
    if not taken and prefixes then
      for prefix, concept in pairs(prefixes) do
        local list = word:sub(1, #prefix) == prefix and lookup(word:sub(#prefix + 1))
        if list then
          found[concept] = true
          take(list)
          taken = 1
          break
        end
      end
    end
    unknown = unknown or not taken
    i = i + (taken or 1)
  end
  return found, unknown
end

-- How words begin that make a number or an address somebody else's.
local OTHERS = { "assist", "sekret", "secretar", "spouse", "ehefrau", "ehemann", "ehepartner", "lebenspartner",
  "emergency", "notfall", "mother", "mutter", "father", "vater", "parent", "eltern", "manager", "vorgesetzt",
  "supervisor", "brother", "sister", "bruder", "schwester", "relative", "verwandte", "angehoerig", "contact person",
  "ansprechpartner", "kontaktperson", "referent", "vertretung", "deputy", "chef", "boss", "stellvertret", "notruf",
  "partner", "friend", "child", "kinder", "daughter", "tochter", "sohn" }

--- Does a label or type such as `assistant` or Apple's `_$!<AssistantPhone>!$_` make what it labels somebody else's?
---@param s string
---@return boolean
function M.is_somebody_else(s)
  if #s > MAX_LABEL then return false end
  local folded = " " .. text.fold(s)
  for _, stem in ipairs(OTHERS) do
    if folded:find(" " .. stem, 1, true) then return true end
  end
  return false
end

-- type → concept and subtype, the first that fits. (awork API: possible subtypes.)
local SUBTYPES = {
  phone = { { "mobile", "mobile" }, { "work", "work" }, { "home", "home" }, { "other", "other" } },
  email = { { "work", "work" }, { "home", "private" }, { "other", "other" } },
  address = { { "work", "work" }, { "home", "home" }, { "other", "other" } },
  messenger = { { "skype", "skype" }, { "whatsapp", "whatsapp" }, { "other", "other" } },
  social = {
    { "facebook", "facebook" }, { "twitter", "twitter" }, { "xing", "xing" }, { "linkedin", "linkedIn" },
    { "instagram", "instagram" }, { "pinterest", "pinterest" }, { "other", "other" },
  },
  urls = { { "github", "gitHub" }, { "work", "work" }, { "home", "private" }, { "other", "other" } },
}

--- awork's subtype for a set of concepts; nil if they say nothing about it.
function M.subtype(type, found)
  if type == "phone" and found.fax then return found.work and "work Fax" or "fax" end
  for _, entry in ipairs(SUBTYPES[type]) do
    if found[entry[1]] then return entry[2] end
  end
end

--- awork's subtype for a label such as Google's "Work Fax" or Apple's "_$!<Home>!$_"; nil if it says nothing.
function M.of_label(type, label)
  return M.subtype(type, (M.parse(label)))
end

--- Does a label say that what it stands beside is somebody else's: "Assistant", "Vorgesetzte"?
function M.of_another(label)
  if #label > MAX_LABEL then return false end
  for word in text.fold(label):gmatch "[^ ]+" do
    if elsewhere.people[word] then return true end
  end
  return false
end

return M
