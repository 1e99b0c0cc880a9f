--- The header rows of programs that people export contacts from, as these write them, and what each column is:
-- `name = what`, by our own names; `name` alone for one that is known to be about something else; `name ?` for one that
-- is left out because it is not understood. Separated by `;`.
return {
  { "Google Contacts, until 2023", [[
    Name; Given Name = firstName; Additional Name; Family Name = lastName; Yomi Name; Given Name Yomi;
    Additional Name Yomi; Family Name Yomi; Name Prefix; Name Suffix; Initials; Nickname; Short Name;
    Maiden Name; Birthday; Gender; Location; Billing Information; Directory Server; Mileage; Occupation; Hobby;
    Sensitivity; Priority; Subject; Notes; Language; Photo; Group Membership; E-mail 1 - Type;
    E-mail 1 - Value = email:work; E-mail 2 - Type; E-mail 2 - Value = email:work; IM 1 - Type; IM 1 - Service;
    IM 1 - Value = messenger:other; Phone 1 - Type; Phone 1 - Value = phone:work; Phone 2 - Type;
    Phone 2 - Value = phone:work; Address 1 - Type; Address 1 - Formatted;
    Address 1 - Street = address:work:addressLine1; Address 1 - City = address:work:city;
    Address 1 - PO Box = address:work:poBox; Address 1 - Region = address:work:state;
    Address 1 - Postal Code = address:work:zipCode; Address 1 - Country = address:work:country;
    Address 1 - Extended Address = address:work:addressLine2; Organization 1 - Type; Organization 1 - Name;
    Organization 1 - Yomi Name; Organization 1 - Title; Organization 1 - Department; Organization 1 - Symbol;
    Organization 1 - Location; Organization 1 - Job Description; Relation 1 - Type; Relation 1 - Value;
    Website 1 - Type; Website 1 - Value = urls:work; Event 1 - Type; Event 1 - Value; Custom Field 1 - Type;
    Custom Field 1 - Value
  ]] },
  { "Google Contacts, since 2024", [[
    First Name = firstName; Middle Name; Last Name = lastName; Phonetic First Name; Phonetic Middle Name;
    Phonetic Last Name; Name Prefix; Name Suffix; Nickname; File As; Organization Name; Organization Title;
    Organization Department; Birthday; Notes; Photo; Labels; E-mail 1 - Label; E-mail 1 - Value = email:work;
    E-mail 2 - Label; E-mail 2 - Value = email:work; Phone 1 - Label; Phone 1 - Value = phone:work;
    Address 1 - Label; Address 1 - Formatted; Address 1 - Street = address:work:addressLine1;
    Address 1 - City = address:work:city; Address 1 - PO Box = address:work:poBox;
    Address 1 - Region = address:work:state; Address 1 - Postal Code = address:work:zipCode;
    Address 1 - Country = address:work:country; Address 1 - Extended Address = address:work:addressLine2;
    Relation 1 - Label; Relation 1 - Value; Website 1 - Label; Website 1 - Value = urls:work; Event 1 - Label;
    Event 1 - Value; Custom Field 1 - Label; Custom Field 1 - Value
  ]] },
  { "Outlook, English", [[
    Title; First Name = firstName; Middle Name; Last Name = lastName; Suffix; Company; Department; Job Title;
    Business Street = address:work:addressLine1; Business Street 2 = address:work:addressLine2;
    Business Street 3 = address:work:addressLine2; Business City = address:work:city;
    Business State = address:work:state; Business Postal Code = address:work:zipCode;
    Business Country/Region = address:work:country; Home Street = address:home:addressLine1;
    Home Street 2 = address:home:addressLine2; Home Street 3 = address:home:addressLine2;
    Home City = address:home:city; Home State = address:home:state; Home Postal Code = address:home:zipCode;
    Home Country/Region = address:home:country; Other Street = address:other:addressLine1;
    Other Street 2 = address:other:addressLine2; Other Street 3 = address:other:addressLine2;
    Other City = address:other:city; Other State = address:other:state;
    Other Postal Code = address:other:zipCode; Other Country/Region = address:other:country; Assistant's Phone;
    Business Fax = phone:work Fax; Business Phone = phone:work; Business Phone 2 = phone:work; Callback;
    Car Phone; Company Main Phone; Home Fax = phone:fax; Home Phone = phone:home; Home Phone 2 = phone:home;
    ISDN; Mobile Phone = phone:mobile; Other Fax = phone:fax; Other Phone = phone:other; Pager;
    Primary Phone = phone:work; Radio Phone; TTY/TDD Phone; Telex; Account ?; Anniversary; Assistant's Name;
    Billing Information; Birthday; Business Address PO Box = address:work:poBox; Categories; Children;
    Directory Server; E-mail Address = email:work; E-mail Type; E-mail Display Name;
    E-mail 2 Address = email:work; E-mail 2 Type; E-mail 2 Display Name; E-mail 3 Address = email:work;
    E-mail 3 Type; E-mail 3 Display Name; Gender; Government ID Number; Hobby;
    Home Address PO Box = address:home:poBox; Initials; Internet Free Busy; Keywords; Language; Location;
    Manager's Name; Mileage; Notes; Office Location; Organizational ID Number;
    Other Address PO Box = address:other:poBox; Priority; Private; Profession; Referred By; Sensitivity; Spouse;
    User 1; User 2; User 3; User 4; Web Page = urls:work
  ]] },
  { "Outlook, German", [[
    Anrede; Vorname = firstName; Weitere Vornamen; Nachname = lastName; Suffix; Firma; Abteilung; Position;
    Straße geschäftlich = address:work:addressLine1; Straße geschäftlich 2 = address:work:addressLine2;
    Straße geschäftlich 3 = address:work:addressLine2; Ort geschäftlich = address:work:city;
    Region geschäftlich = address:work:state; Postleitzahl geschäftlich = address:work:zipCode;
    Land/Region geschäftlich = address:work:country; Straße privat = address:home:addressLine1;
    Straße privat 2 = address:home:addressLine2; Straße privat 3 = address:home:addressLine2;
    Ort privat = address:home:city; Bundesland/Kanton privat = address:home:state;
    Postleitzahl privat = address:home:zipCode; Land/Region privat = address:home:country;
    Weitere Straße = address:other:addressLine1; Weitere Straße 2 = address:other:addressLine2;
    Weitere Straße 3 = address:other:addressLine2; Weiterer Ort = address:other:city;
    Weiteres/r Bundesland/Kanton = address:other:state; Weitere Postleitzahl = address:other:zipCode;
    Weiteres/e Land/Region = address:other:country; Telefon Assistent; Fax geschäftlich = phone:work Fax;
    Telefon geschäftlich = phone:work; Telefon geschäftlich 2 = phone:work; Rückmeldung; Autotelefon;
    Telefon Firma ?; Fax privat = phone:fax; Telefon (privat) = phone:home; Telefon (privat 2) = phone:home;
    ISDN; Mobiltelefon = phone:mobile; Weiteres Fax = phone:fax; Weiteres Telefon = phone:other; Pager;
    Haupttelefon = phone:work; Mobiltelefon 2 = phone:mobile; Telefon für Hörbehinderte; Telex;
    Abrechnungsinformation; Assistent(in); Benutzer 1; Benutzer 2; Benutzer 3; Benutzer 4; Beruf; Büro;
    E-Mail-Adresse = email:work; E-Mail-Typ; E-Mail: Angezeigter Name; E-Mail 2: Adresse = email:work;
    E-Mail 2: Typ; E-Mail 2: Angezeigter Name; E-Mail 3: Adresse = email:work; E-Mail 3: Typ;
    E-Mail 3: Angezeigter Name; Empfohlen von; Geburtstag; Geschlecht; Hobby; Initialen; Internet-Frei/Gebucht;
    Jahrestag; Kategorien; Kinder; Konto ?; Name Assistent; Name des/der Vorgesetzten; Notizen;
    Organisations-Nr.; Ort ?; Partner/in; Postfach geschäftlich = address:work:poBox;
    Postfach privat = address:home:poBox; Priorität; Privat; Regierungs-Nr.; Reisekilometer; Sprache;
    Stichwörter; Vertraulichkeit; Verzeichnisserver; Webseite = urls:work;
    Weiteres Postfach = address:other:poBox
  ]] },
  { "Outlook.com", [[
    First Name = firstName; Middle Name; Last Name = lastName; Title; Suffix; Nickname; Given Yomi;
    Surname Yomi; E-mail Address = email:work; E-mail 2 Address = email:work; E-mail 3 Address = email:work;
    Home Phone = phone:home; Home Phone 2 = phone:home; Business Phone = phone:work;
    Business Phone 2 = phone:work; Mobile Phone = phone:mobile; Car Phone; Other Phone = phone:other;
    Primary Phone = phone:work; Pager; Business Fax = phone:work Fax; Home Fax = phone:fax;
    Other Fax = phone:fax; Company Main Phone; Callback; Radio Phone; Telex; TTY/TDD Phone;
    IMAddress = messenger:other; Job Title; Department; Company; Office Location; Manager's Name;
    Assistant's Name; Assistant's Phone; Company Yomi; Business Street = address:work:addressLine1;
    Business City = address:work:city; Business State = address:work:state;
    Business Postal Code = address:work:zipCode; Business Country/Region = address:work:country;
    Home Street = address:home:addressLine1; Home City = address:home:city; Home State = address:home:state;
    Home Postal Code = address:home:zipCode; Home Country/Region = address:home:country;
    Other Street = address:other:addressLine1; Other City = address:other:city;
    Other State = address:other:state; Other Postal Code = address:other:zipCode;
    Other Country/Region = address:other:country; Personal Web Page = urls:private; Spouse; Schools; Hobby;
    Location; Web Page = urls:work; Birthday; Anniversary; Notes
  ]] },
  { "Thunderbird, English", [[
    First Name = firstName; Last Name = lastName; Display Name; Nickname; Primary Email = email:work;
    Secondary Email = email:other; Screen Name = messenger:other; Work Phone = phone:work;
    Home Phone = phone:home; Fax Number = phone:fax; Pager Number; Mobile Number = phone:mobile;
    Home Address = address:home:addressLine1; Home Address 2 = address:home:addressLine2;
    Home City = address:home:city; Home State = address:home:state; Home ZipCode = address:home:zipCode;
    Home Country = address:home:country; Work Address = address:work:addressLine1;
    Work Address 2 = address:work:addressLine2; Work City = address:work:city; Work State = address:work:state;
    Work ZipCode = address:work:zipCode; Work Country = address:work:country; Job Title; Department;
    Organization; Web Page 1 = urls:work; Web Page 2 = urls:work; Birth Year; Birth Month; Birth Day; Custom 1;
    Custom 2; Custom 3; Custom 4; Notes
  ]] },
  { "Thunderbird, German", [[
    Vorname = firstName; Nachname = lastName; Anzeigename; Spitzname; Primäre E-Mail-Adresse = email:work;
    Sekundäre E-Mail-Adresse = email:other; Messenger-Name = messenger:other; Tel. dienstlich = phone:work;
    Tel. privat = phone:home; Fax-Nummer = phone:fax; Pager-Nummer; Mobil-Tel.-Nr. = phone:mobile;
    Privat: Adresse = address:home:addressLine1; Privat: Adresse 2 = address:home:addressLine2;
    Privat: Ort = address:home:city; Privat: Bundesland = address:home:state;
    Privat: PLZ = address:home:zipCode; Privat: Land = address:home:country;
    Dienstlich: Adresse = address:work:addressLine1; Dienstlich: Adresse 2 = address:work:addressLine2;
    Dienstlich: Ort = address:work:city; Dienstlich: Bundesland = address:work:state;
    Dienstlich: PLZ = address:work:zipCode; Dienstlich: Land = address:work:country; Arbeitstitel; Abteilung;
    Organisation; Webseite 1 = urls:work; Webseite 2 = urls:work; Geburtsjahr; Geburtsmonat; Geburtstag;
    Benutzerdef. 1; Benutzerdef. 2; Notizen
  ]] },
  { "Apple Contacts by way of Numbers, English", [[
    First name = firstName; Middle name; Last name = lastName; Nickname; Job title; Company;
    Home : phone = phone:home; Work : phone = phone:work; Mobile : phone = phone:mobile; iPhone = phone:mobile;
    Home : email = email:private; Work : email = email:work; Home : Street = address:home:addressLine1;
    Home : City = address:home:city; Home : State = address:home:state; Home : ZIP = address:home:zipCode;
    Home : Country = address:home:country; Birthday; Notes
  ]] },
  { "Apple Contacts by way of Numbers, German", [[
    Vorname = firstName; Nachname = lastName; Firma; Telefon (Mobil) = phone:mobile;
    Telefon (Privat) = phone:home; Telefon (Arbeit) = phone:work; E-Mail (Privat) = email:private;
    E-Mail (Arbeit) = email:work; Adresse (Privat) Straße = address:home:addressLine1;
    Adresse (Privat) PLZ = address:home:zipCode; Adresse (Privat) Ort = address:home:city;
    Adresse (Privat) Land = address:home:country; Geburtstag
  ]] },
  { "Personio, English", [[
    First name = firstName; Last name = lastName; Email = email:work; Preferred name; Gender; Status; Position;
    Supervisor; Employment type; Weekly hours; Hire date; Contract end date ?; Office; Department; Team;
    Cost center; Private email = email:private; Mobile phone = phone:mobile; Private phone = phone:home;
    Street and house number = address:work:addressLine1; Postal code = address:work:zipCode;
    City = address:work:city; Country = address:work:country; Emergency contact name; Emergency contact phone;
    LinkedIn = social:linkedIn
  ]] },
  { "Personio, German", [[
    Vorname = firstName; Nachname = lastName; E-Mail = email:work; Geschlecht; Status; Position; Vorgesetzter;
    Beschäftigungsart; Wochenstunden ?; Einstellungsdatum; Standort; Abteilung; Kostenstelle;
    Private E-Mail = email:private; Private Telefonnummer = phone:home; Diensthandy = phone:mobile;
    Straße und Hausnummer = address:home:addressLine1; PLZ = address:home:zipCode; Wohnort = address:home:city;
    Land = address:home:country; Notfallkontakt Name; Notfallkontakt Telefonnummer; IBAN;
    LinkedIn = social:linkedIn
  ]] },
  { "BambooHR", [[
    Employee #; First Name = firstName; Middle Name; Last Name = lastName; Preferred Name; Birth Date; Gender;
    Address Line 1 = address:work:addressLine1; Address Line 2 = address:work:addressLine2;
    City = address:work:city; State = address:work:state; Zip Code = address:work:zipCode;
    Country = address:work:country; Work Phone = phone:work; Work Ext. ?; Mobile Phone = phone:mobile;
    Home Phone = phone:home; Work Email = email:work; Home Email = email:private; Hire Date; Employment Status;
    Location; Division; Department; Job Title; Reporting to; LinkedIn URL = social:linkedIn;
    Twitter Feed = social:twitter; Facebook URL = social:facebook; Skype Username = messenger:skype;
    Instagram URL = social:instagram; Pinterest URL = social:pinterest
  ]] },
  { "HubSpot", [[
    Record ID; First Name = firstName; Last Name = lastName; Email = email:work; Phone Number = phone:work;
    Mobile Phone Number = phone:mobile; Fax Number = phone:fax; WhatsApp Phone Number = messenger:whatsapp;
    Street Address = address:work:addressLine1; Street Address 2 = address:work:addressLine2;
    City = address:work:city; State/Region = address:work:state; Postal Code = address:work:zipCode;
    Country/Region = address:work:country; Website URL = urls:work; LinkedIn URL = social:linkedIn;
    Twitter Username = social:twitter; Job Title; Company Name; Contact owner; Lead Status; Lifecycle Stage;
    Create Date; Last Activity Date; Associated Company; Associated Company IDs; Email Domain;
    Additional email addresses = email:other; Preferred language; IP Country ?; IP City ?
  ]] },
  { "Salesforce, a report", [[
    Salutation; First Name = firstName; Last Name = lastName; Title; Account Name;
    Mailing Street = address:work:addressLine1; Mailing City = address:work:city;
    Mailing State/Province = address:work:state; Mailing Zip/Postal Code = address:work:zipCode;
    Mailing Country = address:work:country; Phone = phone:work; Mobile = phone:mobile; Fax = phone:fax;
    Email = email:work; Home Phone = phone:home; Other Phone = phone:other; Asst. Phone; Assistant;
    Other Street = address:other:addressLine1; Other City = address:other:city;
    Other State/Province = address:other:state; Other Zip/Postal Code = address:other:zipCode;
    Other Country = address:other:country; Account Owner; Lead Source; Birthdate ?; Department; Reports To;
    Do Not Call ?; Email Opt Out ?
  ]] },
  { "Salesforce, the data loader", [[
    Id; FirstName = firstName; LastName = lastName; Salutation; Title; AccountId;
    MailingStreet = address:work:addressLine1; MailingCity = address:work:city;
    MailingState = address:work:state; MailingPostalCode = address:work:zipCode;
    MailingCountry = address:work:country; MailingLatitude ?; Phone = phone:work; MobilePhone = phone:mobile;
    HomePhone = phone:home; OtherPhone = phone:other; AssistantPhone; AssistantName; Fax = phone:fax;
    Email = email:work; OtherStreet = address:other:addressLine1; OtherCity = address:other:city;
    OtherPostalCode = address:other:zipCode; OtherCountry = address:other:country; Department; ReportsToId ?;
    OwnerId; IsDeleted ?
  ]] },
  { "Active Directory, attributes", [[
    DistinguishedName; Enabled; GivenName = firstName; Surname = lastName; Name; DisplayName; ObjectClass;
    ObjectGUID; SamAccountName; SID; UserPrincipalName; mail = email:work; telephoneNumber = phone:work;
    mobile = phone:mobile; homePhone = phone:home; facsimileTelephoneNumber = phone:fax;
    otherTelephone = phone:other; ipPhone ?; pager; streetAddress = address:work:addressLine1;
    physicalDeliveryOfficeName; l = address:work:city; st = address:work:state;
    postalCode = address:work:zipCode; co = address:work:country; c ?; countryCode;
    postOfficeBox = address:work:poBox; company; department; title; manager; wWWHomePage = urls:work;
    proxyAddresses
  ]] },
  { "Active Directory, Get-ADUser", [[
    GivenName = firstName; Surname = lastName; DisplayName; EmailAddress = email:work; OfficePhone = phone:work;
    MobilePhone = phone:mobile; HomePhone = phone:home; Fax = phone:fax;
    StreetAddress = address:work:addressLine1; City = address:work:city; State = address:work:state;
    PostalCode = address:work:zipCode; Country = address:work:country; POBox = address:work:poBox; Office;
    Company; Department; Title; Manager; HomePage = urls:work; EmployeeID; EmployeeNumber; UserPrincipalName
  ]] },
  { "Entra ID", [[
    id; displayName; givenName = firstName; surname = lastName; userPrincipalName; mail = email:work;
    otherMails = email:other; mobilePhone = phone:mobile; businessPhones = phone:work; faxNumber = phone:fax;
    imAddresses = messenger:other; streetAddress = address:work:addressLine1; city = address:work:city;
    state = address:work:state; postalCode = address:work:zipCode; country = address:work:country;
    officeLocation; jobTitle; department; companyName; employeeId; usageLocation; userType; accountEnabled;
    preferredLanguage; proxyAddresses; mailNickname; createdDateTime ?
  ]] },
  { "Google Workspace", [[
    First Name [Required] = firstName; Last Name [Required] = lastName; Email Address [Required] = email:work;
    Password [Required]; Password Hash Function [UPLOAD ONLY]; Org Unit Path [Required];
    New Primary Email [UPLOAD ONLY]; Status [READ ONLY]; Last Sign In [READ ONLY]; Recovery Email;
    Home Secondary Email = email:private; Work Secondary Email = email:work;
    Recovery Phone [MUST BE IN THE E.164 FORMAT]; Work Phone = phone:work; Home Phone = phone:home;
    Mobile Phone = phone:mobile; Work Address = address:work:addressLine1;
    Home Address = address:home:addressLine1; Employee ID; Employee Type; Employee Title; Manager Email;
    Department; Cost Center; 2sv Enrolled [READ ONLY]; Building ID; Floor Name; Floor Section;
    Email Usage [READ ONLY]; Change Password at Next Sign-In; New Status [UPLOAD ONLY];
    Advanced Protection Program enrollment
  ]] },
  { "A payroll list, as DATEV's", [[
    Personalnummer; Anrede; Titel; Nachname = lastName; Vorname = firstName; Geburtsname; Geburtsdatum;
    Straße = address:work:addressLine1; Hausnummer = address:work:houseNumber;
    Adresszusatz = address:work:addressLine2; PLZ = address:work:zipCode; Ort = address:work:city;
    Land = address:work:country; Telefon = phone:work; Mobiltelefon = phone:mobile; E-Mail = email:work;
    Eintrittsdatum; Austrittsdatum; Steuer-ID; Sozialversicherungsnummer; IBAN; Kostenstelle
  ]] },
  { "DATEV, master data", [[
    Konto ?; Name (Adressattyp natürl. Person) ?; Vorname (Adressattyp natürl. Person) ?; Adressattyp ?;
    Kurzbezeichnung ?; EU-Land ?; EU-UStID ?; Anrede; Titel/Akad. Grad ?; Adressart ?;
    Straße = address:work:addressLine1; Postfach = address:work:poBox; Postleitzahl = address:work:zipCode;
    Ort = address:work:city; Land = address:work:country; Versandzusatz ?;
    Adresszusatz = address:work:addressLine2; Telefon = phone:work; Bemerkung (Telefon) ?; Telefon GL ?;
    Bemerkung (Telefon GL) ?; E-Mail = email:work; Bemerkung (E-Mail) ?; Internet = urls:work;
    Bemerkung (Internet) ?; Fax = phone:fax; Bemerkung (Fax) ?
  ]] },
  { "A list typed by hand", [[
    Name = lastName; Vorname = firstName; Abteilung; Tel. g = phone:work; Tel. p = phone:home;
    Handy = phone:mobile; Fax g = phone:work Fax; E-Mail g = email:work; E-Mail p = email:private;
    Str. g = address:work:addressLine1; PLZ g = address:work:zipCode; Ort g = address:work:city;
    Str. p = address:home:addressLine1; PLZ p = address:home:zipCode; Ort p = address:home:city; Mitarbeiter-Nr.
  ]] },
}
