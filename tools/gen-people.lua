-- gen-people.lua [DIRECTORY]: writes examples/data: a company of 300 invented people, as an HR department has them.
-- The same every time. Names are put together by chance; mail addresses are in domains that are reserved for examples
-- (RFC 2606), phone numbers in ranges that are never given to anybody: those of the Bundesnetzagentur for films
-- (Berlin 23125 xxx, Hamburg 66969 xxx, Köln 4710 xxx, München 99998 xxx, Frankfurt 90009 xxx, 0171 39200 xx,
-- 0176 040690 xx), of Ofcom (020 7946 0xxx, 07700 900xxx) and 555-01xx.
local format = require "awork.format"

local dir = arg and arg[1] or "examples/data"
local COUNT = 300

-- A generator of our own, so that the files don't depend on Lua's.
local state = 20260801
local function int(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end
local function pick(list) return list[int(#list)] end
local function chance(percent) return int(100) <= percent end

local function words(s)
  local list = {}
  for word in s:gmatch "%S+" do list[#list + 1] = (word:gsub("_", " ")) end
  return list
end

local FIRST = words [[
  Anna Jürgen Björn Käthe Özlem Çağla Zoë Renée Łukasz Małgorzata Søren Håkan Åsa Noël Chloé André Jana Mehmet Ayşe
  Emine Piotr Agnieszka Ivana Goran Luka Mira Nils Greta Friederike Hans-Peter Karl-Heinz Anne-Marie Eva_Maria Lars
  Thorsten Bärbel Günther Jörg Sören Uwe Ines Tim Lea Mia Ben Finn Ella Emma Paul Clara Theo Ida Oskar Frieda Jonas
  Oliver Grace Harry Imogen Nathaniel Siobhan Priya Arjun Wei Mei Kenji Yuki Fatima Omar Leila Yusuf Thabo Amara]]
local LAST = words [[
  Müller Schmidt Weiß Groß Strauß Höfer Bäcker Jäger Köhler Schröder Krüger Möller Lüdenscheid von_der_Heide
  zu_Hohenstein Müller-Lüdenscheid Schulze-Osthoff Meyer-Landrut Yılmaz Öztürk Çelik Şahin Kowalski Wiśniewska
  Dąbrowski Novák Dvořáková Horvat Kovačević Nielsen Sørensen Åkesson Lindqvist O'Neill O'Brien D'Angelo McAllister
  Smith-Jones Featherstone Blackwood Nakamura Tanaka Nguyen Okafor Mbeki Haddad Benali Rossi Esposito Fernández García
  Lefèvre Dubois Garçon Vandenberghe de_Vries van_den_Berg Brandt Fuchs Winter Sommer Vogel Baumgärtner Eßer Heß]]
local DEPARTMENTS = {
  "Einkauf", "Vertrieb", "Personal", "Buchhaltung", "IT", "Entwicklung", "Kundendienst", "Öffentlichkeitsarbeit",
  "Lager; Versand", 'Projekt "Süd"', "Geschäftsführung",
}
local STREETS = {
  "Am Lindenhof", "Kastanienallee", "Straße der Erfinder", "Mühlenweg", "Große Gasse", "Bäckerstieg", "Hinterm Deich",
  "An der Übungswiese", "Sternschnuppenweg", "Schloßplatz",
}
local TOWNS = {
  { "01067", "Dresden" }, { "04109", "Leipzig" }, { "06108", "Halle (Saale)" }, { "10119", "Berlin" },
  { "12043", "Berlin" }, { "20095", "Hamburg" }, { "33602", "Bielefeld" }, { "48143", "Münster" }, { "50667", "Köln" },
  { "60311", "Frankfurt am Main" }, { "80331", "München" }, { "90402", "Nürnberg" },
}

-- Offices: address, and how a number there is dialled: country, area, the block, digits of the extension.
local OFFICES = {
  { weight = 40, street = "Musterufer", number = "12 a", zip = "10119", city = "Berlin", de = "Deutschland",
    en = "Germany", code = "DE", phone = { "49", "30", "23125", 3 } },
  { weight = 20, street = "Erfundener Kai", number = "7", zip = "20095", city = "Hamburg", de = "Deutschland",
    en = "Germany", code = "DE", phone = { "49", "40", "66969", 3 } },
  { weight = 12, street = "Beispielgasse", number = "101", zip = "80331", city = "München", de = "Deutschland",
    en = "Germany", code = "DE", phone = { "49", "89", "99998", 3 } },
  { weight = 10, street = "Probeplatz", number = "3-5", zip = "50667", city = "Köln", de = "Deutschland",
    en = "Germany", code = "DE", phone = { "49", "221", "4710", 3 } },
  { weight = 12, street = "Sample Yard", number = "4", zip = "EC1A 1ZZ", city = "London", de = "Vereinigtes Königreich",
    en = "United Kingdom", code = "GB", phone = { "44", "20", "7946", 3, "0" } },
  { weight = 6, street = "Placeholder Avenue", number = "1500", zip = "10001", city = "New York",
    de = "Vereinigte Staaten", en = "United States", code = "US", phone = { "1", "212", "555", 2, "01" } },
}

local ASCII = {
  ["ä"] = "ae", ["ö"] = "oe", ["ü"] = "ue", ["ß"] = "ss", ["Ä"] = "ae", ["Ö"] = "oe", ["Ü"] = "ue", ["Ç"] = "c",
  ["ç"] = "c", ["ğ"] = "g", ["ë"] = "e", ["é"] = "e", ["è"] = "e", ["Ł"] = "l", ["ł"] = "l", ["ø"] = "oe",
  ["å"] = "a", ["Å"] = "a", ["ş"] = "s", ["Ş"] = "s", ["ı"] = "i", ["ś"] = "s", ["ą"] = "a", ["ń"] = "n", ["á"] = "a",
  ["ř"] = "r", ["č"] = "c", ["ć"] = "c", ["í"] = "i", ["Ø"] = "oe",
}
local function ascii(s)
  return (s:gsub(utf8.charpattern, function(c) return ASCII[c] end):lower():gsub("[ ']+", ""))
end

-- The ways in which people write the same number.
local function written(country, area, rest)
  local ways = { ("+%s %s %s"):format(country, area, rest), ("+%s %s %s"):format(country, area, rest) }
  local block, extension = rest:match "^(%S+) (%S+)$"
  if country == "49" and block then
    ways[#ways + 1] = ("+%s (0)%s %s-%s"):format(country, area, block, extension)
    ways[#ways + 1] = ("0%s/%s%s"):format(area, block, extension)
    ways[#ways + 1] = ("00%s %s %s-%s"):format(country, area, block, extension)
    ways[#ways + 1] = ("(0%s) %s %s"):format(area, block, extension)
  elseif country == "1" and block then
    ways[#ways + 1] = ("(%s) %s-%s"):format(area, block, extension)
  end
  return pick(ways)
end

local function office_number(office, extension)
  local country, area, block, digits, lead = table.unpack(office.phone, 1, 5)
  return written(country, area, ("%s %s%0" .. digits .. "d"):format(block, lead or "", extension % 10 ^ digits // 1))
end

local taken = { ["0171"] = 0, ["0176"] = 0 }
local function mobile_number(office, nth)
  if office.code == "GB" then return ("+44 7700 900%03d"):format(nth) end
  if office.code == "US" then return ("+1 917 555 01%02d"):format(nth % 100) end
  local net = taken["0171"] < 100 and chance(50) and "0171" or "0176"
  if taken[net] >= 100 then return nil end
  taken[net] = taken[net] + 1
  local last = ("%02d"):format(taken[net] - 1)
  local rest = net == "0171" and "39200" .. last or "040690" .. last
  return pick { "+49 " .. net:sub(2) .. " " .. rest, net .. " " .. rest, net .. "/" .. rest, "0049" .. net:sub(2) .. rest }
end

local function people()
  local list, used = {}, {}
  while #list < COUNT do
    local first, last = pick(FIRST), pick(LAST)
    local address = ascii(first) .. "." .. ascii(last)
    if not used[address] then
      used[address] = true
      local draw, office = int(100), nil
      for _, candidate in ipairs(OFFICES) do
        draw = draw - candidate.weight
        if draw <= 0 then
          office = candidate
          break
        end
      end
      local n = #list + 1
      local town = pick(TOWNS)
      list[n] = {
        number = ("%05d"):format(n), first = first, last = last, office = office, department = pick(DEPARTMENTS),
        email = address .. "@example.com", phone = office_number(office, n),
        mobile = chance(60) and mobile_number(office, n) or nil,
        fax = chance(10) and office_number(office, n + 499) or nil,
        private = chance(45) and address .. "@" .. pick { "example.org", "example.net" } or nil,
        home = chance(70) and { pick(STREETS), pick { "1", "7", "12 b", "33", "101" }, town[1], town[2] } or nil,
        linkedin = chance(25) and "https://linkedin.example/in/" .. address:gsub("%.", "-") or nil,
        skype = chance(10) and "live:" .. address or nil,
      }
    end
  end
  return list
end

-- Files --------------------------------------------------------------------------------------------------------------

local function save(name, content)
  local file = assert(io.open(dir .. "/" .. name, "wb"))
  assert(file:write(content))
  assert(file:close())
end

-- One row; all cells in quotes, or those that need it.
local function row(cells, separator, all)
  local out = {}
  for i = 1, cells.n or #cells do
    local cell = cells[i] or ""
    if all or cell:find('[",;\n]') then cell = '"' .. cell:gsub('"', '""') .. '"' end
    out[i] = cell
  end
  return table.concat(out, separator)
end

local function table_of(header, list, cells_of, separator, eol, all)
  local out = { row(header, separator, all) }
  for i, person in ipairs(list) do
    local cells = cells_of(person)
    cells.n = #header
    out[i + 1] = row(cells, separator, all)
  end
  return table.concat(out, eol) .. eol
end

local list = people()

-- Excel in German, "CSV UTF-8".
local german = table_of(
  { "Personalnr.", "Nachname", "Vorname", "Abteilung", "E-Mail (geschäftlich)", "Telefon dienstlich", "Mobil",
    "Fax geschäftlich", "Straße", "Hausnummer", "PLZ", "Ort", "Land" },
  list, function(p)
    local o = p.office
    return { p.number, p.last, p.first, p.department, p.email, p.phone, p.mobile, p.fax, o.street, o.number, o.zip,
      o.city, o.de }
  end, ";", "\r\n")
save("hr-export-de.csv", "\xEF\xBB\xBF" .. german)

-- Excel in German, plain "CSV": windows-1252, which has not every name's letters; those are written as it can.
local CP1252 = {
  ["Ł"] = "L", ["ł"] = "l", ["ş"] = "s", ["Ş"] = "S", ["ı"] = "i", ["ś"] = "s", ["ą"] = "a", ["ř"] = "r", ["č"] = "c",
  ["ć"] = "c", ["ğ"] = "g", ["ń"] = "n",
}
save("hr-export-de-windows-1252.csv", (german:gsub(utf8.charpattern, function(c)
  c = CP1252[c] or c
  local code = utf8.codepoint(c)
  assert(code < 0x80 or code >= 0xA0 and code <= 0xFF, c)
  return string.char(code)
end)))

-- The same people in English.
save("hr-export-en.csv", table_of(
  { "Employee ID", "First name", "Last name", "Department", "Work email", "Work phone", "Mobile", "Work fax",
    "Street address", "Postal code", "City", "Country" },
  list, function(p)
    local o = p.office
    return { p.number, p.first, p.last, p.department, p.email, p.phone, p.mobile, p.fax, o.street .. " " .. o.number,
      o.zip, o.city, o.en }
  end, ",", "\n"))

-- Personio: everything in quotes; the address is the employee's own.
save("personio-de.csv", table_of(
  { "Vorname", "Nachname", "E-Mail", "Abteilung", "Telefon (dienstlich)", "Mobil (dienstlich)", "Private E-Mail",
    "Straße", "Hausnummer", "Postleitzahl", "Ort", "Land", "LinkedIn" },
  list, function(p)
    local h = p.home or {}
    return { p.first, p.last, p.email, p.department, p.phone, p.mobile, p.private, h[1], h[2], h[3], h[4],
      "Deutschland", p.linkedin }
  end, ",", "\n", true))

-- Google Contacts: sets of columns with a label each, and several values in one cell.
save("google-contacts.csv", table_of(
  { "First Name", "Middle Name", "Last Name", "Organization Name", "Organization Department", "Notes", "Labels",
    "E-mail 1 - Label", "E-mail 1 - Value", "E-mail 2 - Label", "E-mail 2 - Value", "Phone 1 - Label",
    "Phone 1 - Value", "Phone 2 - Label", "Phone 2 - Value", "Address 1 - Label", "Address 1 - Formatted",
    "Address 1 - Street", "Address 1 - City", "Address 1 - PO Box", "Address 1 - Region", "Address 1 - Postal Code",
    "Address 1 - Country", "Address 1 - Extended Address", "Website 1 - Label", "Website 1 - Value" },
  list, function(p)
    local o = p.office
    local street = o.street .. " " .. o.number
    local phones = p.fax and p.phone .. " ::: " .. o.phone[2]:gsub("^", "+" .. o.phone[1] .. " ") .. " " .. o.phone[3]
      .. " " .. (o.phone[5] or "") .. (o.phone[4] == 3 and "000" or "00") or p.phone
    return { p.first, nil, p.last, "Beispiel & Söhne", p.department, nil, "* myContacts ::: Kollegen",
      "* Work", p.email, p.private and "Home", p.private, "Work", phones, p.mobile and "Mobile", p.mobile,
      "Work", ("%s\n%s %s\n%s"):format(street, o.zip, o.city, o.code), street, o.city, nil, nil, o.zip, o.code, nil,
      p.linkedin and "Profile", p.linkedin }
  end, ",", "\r\n"))

-- What goes wrong in such files, a mistake a row.
save("hr-export-with-mistakes.csv", table.concat({
  "Vorname;Nachname;E-Mail;Telefon dienstlich;Straße;PLZ;Ort;Land",
  "Anna;Richtig;anna.richtig@example.com;+49 30 23125 100;Musterufer 1;10119;Berlin;Deutschland",
  "Björn;Gekürzt;bjoern.gekuerzt@example.com;4,93E+11;;;;",
  "Cem;Ohne-Adresse;;030 23125 101;;;;",
  "Dora;Halb;dora.halb@example.com;;Musterufer 2;;Berlin;Deutschland",
  "Emil;Semikolon;emil.semikolon@example.com;030 23125 102;Musterufer 3; Hof A;10119;Berlin;Deutschland",
  "Finja;Fehlerwert;finja.fehlerwert@example.com;#NV;;;;",
  "Gül;Land;guel.land@example.com;;Musterufer 4;10119;Berlin;Phantasien",
  'Hans;"Anführung" falsch;hans.anfuehrung@example.com;;;;;',
  "Ida;Buchstaben;ida.buchstaben@example.com;siehe Intranet;;;;", "",
}, "\r\n"))

-- People as the other formats have them: the first 60.
local persons = {}
for i = 1, 60 do
  local p = list[i]
  local o = p.office
  local infos = {
    { type = "email", subType = "work", value = p.email }, { type = "phone", subType = "work", value = p.phone },
  }
  local function add(type, subtype, value)
    if value then infos[#infos + 1] = { type = type, subType = subtype, value = value } end
  end
  add("phone", "mobile", p.mobile)
  add("phone", "work Fax", p.fax)
  add("email", "private", p.private)
  infos[#infos + 1] = { type = "address", subType = "work", isAddress = true,
    addressLine1 = o.street .. " " .. o.number, zipCode = o.zip, city = o.city, country = o.code }
  add("messenger", "skype", p.skype)
  add("social", "linkedIn", p.linkedin)
  persons[i] = { user = p.email, firstName = p.first, lastName = p.last, contact_infos = infos }
end
assert(format.write(persons, dir .. "/people.json"))
assert(format.write(persons, dir .. "/people.jsonl"))
assert(format.write(persons, dir .. "/people.scim.json"))
assert(format.write(persons, dir .. "/people.vcf"))
assert(format.write(persons, dir .. "/people-4.0.vcf", { version = "4.0" }))

-- vCard 2.1 from an old phone: quoted-printable with soft breaks, a character set of its own for every property.
local function quoted(s)
  local out, length = {}, 0
  for c in s:gmatch "." do
    local piece = (c:find "[%w .@:/+-]") and c or ("=%02X"):format(c:byte())
    if length + #piece > 60 then
      out[#out + 1] = "=\r\n"
      length = 0
    end
    out[#out + 1] = piece
    length = length + #piece
  end
  return table.concat(out)
end
local old = {}
local function put(line) old[#old + 1] = line .. "\r\n" end
for i = 1, 20 do
  local p = list[i]
  local o = p.office
  local QP = ";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:"
  put "BEGIN:VCARD"
  put "VERSION:2.1"
  put("N" .. QP .. quoted(p.last) .. ";" .. quoted(p.first) .. ";;;")
  put("FN" .. QP .. quoted(p.first .. " " .. p.last))
  put("TEL;WORK;VOICE:" .. p.phone)
  if p.mobile then put("TEL;CELL:" .. p.mobile) end
  if p.fax then put("TEL;WORK;FAX:" .. p.fax) end
  put("EMAIL;INTERNET;WORK:" .. p.email)
  put("ADR;WORK" .. QP .. ";;" .. quoted(o.street .. " " .. o.number) .. ";" .. quoted(o.city) .. ";;" .. o.zip .. ";"
    .. quoted(o.de))
  if i % 5 == 0 then
    put "PHOTO;ENCODING=BASE64;TYPE=GIF:"
    put " R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    put ""
  end
  put "END:VCARD"
end
save("old-phone.vcf", table.concat(old))
