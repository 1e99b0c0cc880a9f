-- Writes src/contact/countries.def: the officially assigned ISO 3166-1 codes, from Debian's iso-codes, and the names (English
-- and German) by which the validator's hints find a code: those of ISO, and the everyday ones of Unicode's CLDR.
--
--     lua5.4 tools/gen-countries.lua > src/contact/countries.def
--
-- Needs the Debian packages iso-codes (data and German translations), unicode-cldr-core and lua-cjson.

local cjson = require "cjson"

local JSON = "/usr/share/iso-codes/json/iso_3166-1.json"
local GERMAN = "/usr/share/locale/de/LC_MESSAGES/iso_3166-1.mo"

local CLDR = "/usr/share/unicode/cldr/common/main/%s.xml"
local LANGUAGES = { "en", "de", "en_GB", "de_AT", "de_CH" }

-- What people write and neither ISO nor CLDR says.
local COMMON = {
  AE = { "UAE", "Emirates", "Emirate", "VAE" },
  AT = { "A", "Oesterreich" },
  BA = { "Bosnia", "Bosnien" },
  BE = { "B" },
  BG = { "BUL" },
  BN = { "Brunei" },
  BY = { "White Russia", "Belorussia", "Weißrussland" },
  CD = { "DR Congo", "Congo Kinshasa", "DR Kongo", "Kongo Kinshasa" },
  CG = { "Congo Brazzaville", "Kongo Brazzaville", "Republic of Congo" },
  CH = { "Suisse", "Svizzera", "Swiss", "SUI" },
  CI = { "Ivory Coast" },
  CN = { "PRC", "VR China" },
  CV = { "Cape Verde", "Kapverden", "Kapverdische Inseln" },
  CZ = { "Czech Republic", "Tschechische Republik", "Tschechei" },
  DE = { "D", "GER", "BRD", "FRG", "Allemagne", "Alemania" },
  DK = { "Danmark", "DEN" },
  ES = { "E", "España" },
  FI = { "Suomi" },
  FK = { "Falkland Islands", "Falklandinseln" },
  FM = { "Micronesia", "Mikronesien" },
  FR = { "F" },
  GB = {
    "UK", "Great Britain", "Britain", "Grossbritannien", "England", "Scotland", "Schottland", "Wales",
    "Northern Ireland", "Nordirland",
  },
  GR = { "EL", "GRE", "Hellas" },
  HR = { "Hrvatska", "CRO" },
  HU = { "Magyarország" },
  IE = { "Republic of Ireland", "Republik Irland", "Eire" },
  IT = { "I", "Italia" },
  KP = { "DPRK" },
  KR = { "Korea", "Republic of Korea" },
  LI = { "FL" },
  LU = { "L" },
  MD = { "Moldawien", "Moldova", "Moldau" },
  MK = { "Macedonia", "Mazedonien" },
  MM = { "Burma", "Birma" },
  NL = { "Holland", "Nederland", "The Netherlands", "NED" },
  NO = { "Norge" },
  PL = { "Polska" },
  PS = { "Palestine" },
  PT = { "P", "POR" },
  RU = { "Russia" },
  SE = { "Sverige" },
  SI = { "SLO" },
  SK = { "Slovak Republic", "Slowakische Republik" },
  SZ = { "Swaziland", "Swasiland" },
  TL = { "East Timor", "Osttimor" },
  TR = { "Turkey" },
  TZ = { "Tansania" },
  US = { "US of A", "America", "Amerika" },
  ZA = { "RSA" },
  VA = { "Vatican", "Vatican City", "Vatikan", "Vatikanstadt" },
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local data = file:read "a"
  file:close()
  return data
end

-- A compiled gettext catalogue: two tables of (length, offset), the originals' and the translations'.
local function translations(path)
  local data = read(path)
  local magic, _, count, from, to = string.unpack("<I4I4I4I4I4", data)
  assert(magic == 0x950412de, "not a little-endian catalogue: " .. path)
  local found = {}
  for i = 0, count - 1 do
    local n, at = string.unpack("<I4I4", data, from + 8 * i + 1)
    local tn, tat = string.unpack("<I4I4", data, to + 8 * i + 1)
    found[data:sub(at + 1, at + n)] = data:sub(tat + 1, tat + tn)
  end
  return found
end

-- The names of territories in a language, everyday ones and variants: code → list.
local function everyday(language)
  local found = {}
  for attributes, name in read(CLDR:format(language)):gmatch "<territory ([^>]*)>([^<]+)</territory>" do
    local code = attributes:match 'type="(%u%u)"'
    if code and name ~= "↑↑↑" then
      found[code] = found[code] or {}
      table.insert(found[code], (name:gsub("&amp;", "&")))
    end
  end
  return found
end

-- The same as aw_fold in src/contact/text.c; test/c/test_text.c checks that aw_fold leaves the result as it is.
local LATIN1 = "aaaaaaaceeeeiiiidnooooo ouuuuypsaaaaaaaceeeeiiiidnooooo ouuuuypy"
local function fold(name)
  local out = {}
  for _, cp in utf8.codes(name) do
    if cp < 0x80 then
      out[#out + 1] = string.char(cp):lower():match "%w"
    elseif cp == 0xDF or cp == 0x1E9E then
      out[#out + 1] = "ss"
    elseif cp >= 0xC0 and cp <= 0xFF then
      out[#out + 1] = LATIN1:sub(cp - 0xC0 + 1, cp - 0xC0 + 1):match "%w"
    elseif cp > 0xFF and not (cp >= 0x2000 and cp <= 0x206F) then
      out[#out + 1] = utf8.char(cp)
    end
  end
  return table.concat(out)
end

local UMLAUTS = { ["ä"] = "ae", ["ö"] = "oe", ["ü"] = "ue", ["Ä"] = "Ae", ["Ö"] = "Oe", ["Ü"] = "Ue" }

local german = translations(GERMAN)
local countries = cjson.decode(read(JSON))["3166-1"]
table.sort(countries, function(a, b) return a.alpha_2 < b.alpha_2 end)

-- Each name belongs to one country. Codes come first, then whole names, then what people write, and last the part
-- before a comma or bracket, if it is one country's alone ("Virgin Islands" is not).
local owner = {}
local function claim(country, name)
  if not name then return end
  for _, spelling in ipairs { name, (name:gsub(utf8.charpattern, UMLAUTS)) } do
    local key = fold(spelling)
    if not owner[key] then
      owner[key] = country
      country.keys[#country.keys + 1] = key
    end
  end
end

local function each_name(country, fn)
  for _, field in ipairs { "name", "common_name", "official_name" } do
    if country[field] then
      fn(country[field])
      if german[country[field]] then fn(german[country[field]]) end
    end
  end
end

for _, country in ipairs(countries) do
  country.keys = {}
  for _, code in ipairs { country.alpha_2, country.alpha_3, country.numeric } do claim(country, code) end
end
for _, country in ipairs(countries) do
  each_name(country, function(name) claim(country, name) end)
end
for _, language in ipairs(LANGUAGES) do
  local names = everyday(language)
  for _, country in ipairs(countries) do
    for _, name in ipairs(names[country.alpha_2] or {}) do
      claim(country, name)
      -- "Bosnien und Herzegowina" for "Bosnien & Herzegowina", "St. Helena" for "Saint Helena" and "Sankt Helena"
      local plain = name:gsub(" & ", language:sub(1, 2) == "de" and " und " or " and ")
      claim(country, plain)
      claim(country, (plain:gsub(" und ", " & "):gsub(" and ", " & ")))
      claim(country, (plain:gsub("^Saint ", "St. "):gsub("^Sankt ", "St. ")))
      claim(country, (plain:gsub("^St%. ", language:sub(1, 2) == "de" and "Sankt " or "Saint ")))
    end
  end
end
for _, country in ipairs(countries) do
  for _, name in ipairs(COMMON[country.alpha_2] or {}) do claim(country, name) end
end

local shared, short = {}, {}
for _, country in ipairs(countries) do
  each_name(country, function(name)
    local part = name:match "^(.-)%s*[,(%[]"
    if part then
      local key = fold(part)
      if short[key] and short[key].country ~= country then shared[key] = true end
      short[key] = { country = country, part = part }
    end
  end)
end
for _, country in ipairs(countries) do
  each_name(country, function(name)
    local part = name:match "^(.-)%s*[,(%[]"
    if part and not shared[fold(part)] then claim(country, part) end
  end)
end

io.write("/* Generated by tools/gen-countries.lua from iso-codes and CLDR. Do not edit. */\n")
for _, country in ipairs(countries) do
  local a, b = country.alpha_2:match "(.)(.)"
  local names = {}
  for _, key in ipairs(country.keys) do
    assert(#key > 0 and #key <= 96, key)
    names[#names + 1] = ('"%s\\0"'):format(key)
  end
  local english = (country.common_name or country.name)
  io.write(("AW_COUNTRY('%s', '%s', \"%s\", \"%s\""):format(a, b, country.alpha_3, english))
  local width, separator = math.huge, ","
  for _, name in ipairs(names) do
    if width + 1 + #name > 109 then
      io.write(separator, "\n           ", name)
      width = 11 + #name
    else
      io.write(" ", name)
      width = width + 1 + #name
    end
    separator = ""
  end
  io.write(")\n")
end
