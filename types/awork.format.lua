---@meta awork.format
-- Types of awork.format; see awork.lua.

---@alias awork.format.Name "csv"|"tsv"|"vcard"|"scim"|"json"|"jsonl"
---@alias awork.format.Source string|file*|fun(): string?|{ text: string }
---@alias awork.format.Sink string|file*|fun(text: string): any

---@class awork.Person
---@field user? string an awork id or an email address
---@field firstName? string
---@field lastName? string
---@field contact_infos awork.ContactInfoForm[]
---@field active? boolean
---@field extra? table<string, string>
---@field source? table

---@class awork.format.ReadOptions
---@field format? awork.format.Name
---@field encoding? string
---@field name? string of the source, for messages
---@field user? string|false which column, property or attribute says who it is
---@field defaults? table<string, string> type to subtype
---@field extra? boolean
---@field ignore_columns? string[] names of columns, properties or attributes
---@field separator? ","|";"|"\t"|"|"
---@field columns? table<string, string|false>
---@field trim? boolean
---@field escape_formulas? boolean

---@class awork.format.WriteOptions
---@field format? awork.format.Name
---@field separator? string
---@field columns? (string|string[])[]
---@field eol? string
---@field bom? boolean
---@field escape_formulas? boolean
---@field version? "3.0"|"4.0"
---@field lines? boolean

---@class awork.format.Reader
---@field format string
---@field file? string
---@field encoding? string
---@field warnings { column: string?, property: string?, row: integer?, line: integer?, message: string }[]
---@field columns? string[] of CSV
---@field separator? string of CSV
---@overload fun(): awork.Person|false|nil, awork.Error?
local Reader = {}

---@return awork.Person|false|nil person
---@return awork.Error? err
function Reader:next() end

function Reader:close() end

---One of the formats.
---@class awork.format.Format
local Format = {}

---@param source awork.format.Source
---@param options? awork.format.ReadOptions
---@return awork.format.Reader
function Format.read(source, options) end

---@param source awork.format.Source
---@param options? awork.format.ReadOptions
---@return awork.Person[]? persons
---@return awork.format.Reader|awork.Error reader
function Format.load(source, options) end

---@param text string
---@param options? awork.format.ReadOptions
---@return awork.Person[]? persons
---@return awork.Error? err
function Format.decode(text, options) end

---@param persons awork.Person[]|fun(): awork.Person?
---@param sink awork.format.Sink
---@param options? awork.format.WriteOptions
---@return integer? count
---@return awork.Error? err
function Format.write(persons, sink, options) end

---@param persons awork.Person[]|fun(): awork.Person?
---@param options? awork.format.WriteOptions
---@return string? text
---@return awork.Error? err
function Format.encode(persons, options) end

---@param persons awork.Person[]|fun(): awork.Person?
---@param options? awork.format.WriteOptions
---@return fun(): string|false|nil, awork.Error?
function Format.chunks(persons, options) end

---@class awork.format
---@field csv awork.format.Format
---@field vcard awork.format.Format
---@field scim awork.format.Format
---@field json awork.format.Format
local format = {}

---@param source awork.format.Source
---@param options? awork.format.ReadOptions
---@return awork.format.Reader
function format.read(source, options) end

---@param source awork.format.Source
---@param options? awork.format.ReadOptions
---@return awork.Person[]? persons
---@return awork.format.Reader|awork.Error reader
function format.load(source, options) end

---@param reader awork.format.Reader
---@return awork.Person[]? persons
---@return awork.Error? err
function format.collect(reader) end

---@param text string the beginning of it
---@return "csv"|"vcard"|"scim"|"json"
function format.detect(text) end

---@param person awork.Person
---@param index? integer of the contact info
---@param property? string
---@return string? place
function format.where(person, index, property) end

---@param user awork.User
---@return awork.Person
function format.from_user(user) end

---@param persons awork.Person[]|fun(): awork.Person?
---@param sink awork.format.Sink
---@param options? awork.format.WriteOptions
---@return integer? count
---@return awork.Error? err
function format.write(persons, sink, options) end

---@param persons awork.Person[]|fun(): awork.Person?
---@param options awork.format.WriteOptions
---@return string? text
---@return awork.Error? err
function format.encode(persons, options) end

---@param persons awork.Person[]|fun(): awork.Person?
---@param options awork.format.WriteOptions
---@return fun(): string|false|nil, awork.Error?
function format.chunks(persons, options) end

return format
