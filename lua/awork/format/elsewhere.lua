--- Columns that hold no contact info of whose row it is, by their names: about the job, the person, the account, or
-- about somebody else. They are left out with a warning, as any other that is not understood; but as it is known what
-- they are, a plan may delete what is not in the file.
local M = {}

-- Of Outlook, Google, Thunderbird, Personio, BambooHR, HubSpot, Salesforce, Entra, directories; folded (text.fold).
local COLUMNS = [[
  title|anrede|salutation|prefix|suffix|name prefix|name suffix|titel|middle name|middlename|weitere vornamen|
  zweiter vorname|additional name|nickname|spitzname|preferred name|maiden name|geburtsname|initials|initialen|
  yomi name|given name yomi|additional name yomi|family name yomi|given yomi|surname yomi|company yomi|
  phonetic first name|phonetic middle name|phonetic last name|file as|short name|maidenname|company|firma|
  company name|companyname|organization|organisation|organization name|organization title|organization department|
  organization 1 type|organization 1 name|organization 1 yomi name|organization 1 title|organization 1 department|
  organization 1 symbol|organization 1 location|organization 1 job description|account name|department|abteilung|
  division|bereich|team|teams|position|job title|jobtitle|arbeitstitel|stelle|funktion|rolle|role|beruf|profession|
  occupation|employee id|employee number|employee no|employee nr|employee type|employee title|employeeid|
  personalnummer|personalnr|personal nr|mitarbeiternummer|mitarbeiter nr|personio id|record id|kostenstelle|
  cost center|cost centre|manager|supervisor|vorgesetzter|vorgesetzte|reporting to|reports to|status|
  employment status|beschaeftigungsart|employment type|wochenarbeitszeit|weekly hours|einstellungsdatum|hire date|
  eintrittsdatum|austrittsdatum|termination date|vertragsende|start date|end date|create date|birthday|birth date|
  date of birth|geburtstag|geburtsdatum|birth year|birth month|birth day|geburtsjahr|geburtsmonat|geburtsort|
  geburtsland|anniversary|jahrestag|gender|geschlecht|nationality|nationalitaet|staatsangehoerigkeit|familienstand|
  marital status|language|sprache|preferred language|notes|notizen|bemerkung|bemerkungen|kommentar|comment|notiz|
  categories|kategorien|labels|group membership|keywords|stichwoerter|priority|prioritaet|sensitivity|
  vertraulichkeit|privat|private|hobby|hobbys|schools|subject|photo|foto|billing information|abrechnungsinformation|
  mileage|reisekilometer|directory server|verzeichnisserver|benutzer 1|benutzer 2|benutzer 3|benutzer 4|user 1|
  user 2|user 3|user 4|custom 1|custom 2|custom 3|custom 4|benutzerdef 1|benutzerdef 2|benutzerdef 3|benutzerdef 4|
  internet free busy|internet frei gebucht|government id number|regierungs nr|organizational id number|
  organisations nr|e mail type|e mail typ|e mail display name|e mail angezeigter name|e mail 2 type|e mail 2 typ|
  e mail 2 display name|e mail 2 angezeigter name|e mail 3 type|e mail 3 typ|e mail 3 display name|
  e mail 3 angezeigter name|pager|pager number|pager nummer|telex|isdn|callback|rueckmeldung|car phone|autotelefon|
  radio phone|tty tdd phone|telefon fuer hoerbehinderte|company main phone|office location|officelocation|location|
  standort|arbeitsort|arbeitsstadt|arbeitsland|arbeitsregion|dienststadt|dienstland|
  dienstort|einsatzort|work location|place of work|office|buero|building id|floor name|
  floor section|gebaeude|raum|zimmer|etage|iban|bic|steuer id|sozialversicherungsnummer|steuerklasse|krankenkasse|
  password|password hash function|org unit path|new primary email|recovery email|recovery phone|
  change password at next sign in|new status|new licenses|last sign in|2sv enrolled|2sv enforced|email usage|
  drive usage|total storage|advanced protection program enrollment|id|object id|objectid|objectguid|samaccountname|
  userprincipalname|user principal name|mailnickname|distinguishedname|cn|dn|sid|enabled|accountenabled|usertype|
  usagelocation|preferredlanguage|physicaldeliveryofficename|proxyaddresses|objectclass|whencreated|lastlogondate|
  countrycode|contact owner|lead status|lifecycle stage|last activity date|marketing contact status|
  associated company|associated company ids|email domain|account owner|accountid|ownerid|photourl|lead source|
  last activity|hs object id|createdate[^|]+
]]

M.columns = {}
for phrase in ("\n" .. COLUMNS):gsub("\n *", ""):gmatch "[^|]+" do M.columns[phrase] = true end

--- Google's columns that come in numbers, "Relation 1 - Value": their first words.
M.google = { Organization = true, Relation = true, Event = true, Custom = true, Jot = true, Calendar = true }

-- Words for people who are not the one whose row it is.
local PEOPLE = [[
  assistant assistants assistent assistentin assistenz asst sekretariat sekretaerin manager managers vorgesetzter
  vorgesetzte vorgesetzten chef chefin boss vertretung stellvertreter stellvertreterin supervisor supervisors spouse
  ehepartner partner partnerin emergency notfall notfallkontakt notruf
  notfallnummer notfalltelefon kinder children child kind mutter vater mother father eltern parent parents referred
  empfohlen relation recovery
]]

M.people = {}
for word in PEOPLE:gmatch "%S+" do M.people[word] = true end

return M
