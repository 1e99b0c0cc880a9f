---@meta awork.sandbox
-- Types of awork-sandbox's public API; see awork.lua.

---@class awork.sandbox.Options
---@field users? integer|table[] how many invented ones, 3; or a list of records
---@field companies? integer|table[] 2
---@field contact_infos_per_user? integer of each invented one; 0
---@field contact_infos_per_company? integer 0
---@field max_contact_infos? integer how many one record keeps; no limit
---@field seed? integer ids and people follow from it; 1
---@field token? string the admin's; "sandbox-token"
---@field tokens? awork.sandbox.Token[]
---@field teams? { name: string, icon: string?, color: string?, id: string?, users: (string|integer)[]? }[]
---@field extra_fields? { user: table?, company: table?, contact_info: table? } what answers have beyond the description
---@field list_order? "created"|"shuffled" of a list without orderby; "created"
---@field oauth? table|false
---@field rate_limit? table|false { second, minute, window, second_seconds, minute_seconds, retry_after }
---@field page_size? integer 10
---@field body_limit? integer bytes; 1 MiB
---@field idle_timeout? integer seconds until an idle connection is closed; 0: never
---@field log? integer|false how many requests are kept; 10000
---@field now? number where the server's clock begins, epoch seconds
---@field clock_offset? number seconds by which the server's clock is ahead
---@field port? integer 0: any free one
---@field host? string "127.0.0.1"
---@field tls? boolean|"valid"|"expired"|"wrong_host"|"self_signed"|{ certificate: string?, priorities: string? }

---@class awork.sandbox.Token
---@field token string
---@field user? string|integer id, or place in the list; none: an API key
---@field name? string the API user's; "API user"
---@field admin? boolean
---@field rights? string[] "user-master-data:read" …
---@field guest? boolean
---@field blocked? boolean
---@field teams? boolean|string[] what it is limited to: true, its user's; or ids and names
---@field expires_in? number seconds

---@class awork.sandbox.Fault
---@field kind "status"|"delay"|"rate_limit"|"reset_before"|"reset_after"|"cut"|"cut_response"|"cut_request"|"garbage"|"trickle"|"redirect"|"raw"|"stale"|"skew"
---@field method? string
---@field path? string a Lua pattern
---@field times? number 1
---@field skip? integer 0
---@field probability? number
---@field seed? integer
---@field effect? boolean
---@field status? integer
---@field body? string|table
---@field code? string
---@field description? string
---@field headers? table<string, string>
---@field content_type? string
---@field seconds? number
---@field retry_after? number|string
---@field reset? number
---@field scope? "second"|"minute"
---@field bytes? integer
---@field how? "reset"|"close"
---@field data? string
---@field location? string
---@field lag? number seconds by which lists lag behind
---@field created? number|string
---@field date? number|string|false

---A running sandbox. Its functions work with `.` and `:` alike.
---@class awork.Sandbox
---@field url string base URL for `awork.client`
---@field origin string
---@field port integer
---@field token string
---@field user_ids string[]
---@field company_ids string[]
---@field team_ids string[]
---@field api_user_ids string[]
---@field me_id string
---@field workspace_id string
---@field oauth? { client_id: string, client_secret: string, refresh_token: string }
---@field ca_file? string with TLS
local Sandbox = {}

---Ends it; may be called again.
function Sandbox:stop() end

---@param spec awork.sandbox.Fault
---@return integer number
function Sandbox:fault(spec) end

---@param id? integer
function Sandbox:clear_faults(id) end

---@return { id: integer, kind: string, method: string?, path: string?, fired: integer, left: integer?, length: integer? }[]
function Sandbox:faults() end

---@return { method: string, target: string, path: string, query: string?, args: table, headers: table, body: string?, status: integer?, time: number, elapsed: number, connection: integer, fault: string? }[]
function Sandbox:requests() end

function Sandbox:clear_requests() end

---@return table
function Sandbox:stats() end

---@return { users: awork.User[], companies: awork.Company[], api_users: awork.User[], teams: table[] }
function Sandbox:state() end

---@param id string GUID of a user or company
---@return awork.ContactInfo[]
function Sandbox:contact_infos(id) end

---@param options table
function Sandbox:set(options) end

---@param seconds number
function Sandbox:advance(seconds) end

---Back to how it was started.
function Sandbox:reset() end

---@class awork.sandbox
local sandbox = {}

---@param options? awork.sandbox.Options
---@return awork.Sandbox? handle
---@return string? message
function sandbox.start(options) end

return sandbox
