---@meta awork
-- Types of awork's public API, for LuaLS (the Lua language server) and editors that use it:
-- add this directory to "workspace.library". tools/check-types.lua compares them with what the modules export.

---@alias awork.Owner "user"|"company"

---A contact info as it is sent: every field is optional, no other field is allowed.
---@class awork.ContactInfoForm
---@field label? string at most 1000 characters; only for type `custom`
---@field value? string at most 1000 characters: the phone number, email address, URL or handle
---@field type? string
---@field subType? string
---@field addressLine1? string at most 1000 characters
---@field addressLine2? string at most 100 characters
---@field zipCode? string at most 100 characters
---@field city? string at most 100 characters
---@field state? string at most 100 characters
---@field country? string ISO 3166-1 alpha-2 code, upper case
---@field isAddress? boolean

---A contact info as awork returns it. Fields not named here are kept.
---@class awork.ContactInfo: awork.ContactInfoForm
---@field id string GUID
---@field createdOn string ISO 8601
---@field updatedOn string ISO 8601
---@field createdBy? string GUID
---@field updatedBy? string GUID

---@class awork.User
---@field id string GUID
---@field firstName? string
---@field lastName? string
---@field position? string
---@field title? string
---@field language? string
---@field isArchived? boolean
---@field isDeactivated? boolean
---@field isExternal? boolean
---@field resourceVersion? integer changes with every modification
---@field userContactInfos? awork.ContactInfo[]

---@class awork.Company
---@field id string GUID
---@field name? string
---@field companyContactInfos? awork.ContactInfo[]

---@class awork.Violation
---@field property string
---@field rule string one of `awork.rules()`, or "server"
---@field message string
---@field hint? string what to do about it
---@field suggestion? string the text that would be right
---@field limit? integer of a length
---@field got? any what was there; of a length, how much
---@field unchanged? true about what was there before a change

---@alias awork.ErrorKind "validation"|"api"|"network"|"timeout"|"tls"|"protocol"|"rate_limit"|"closed"|"cancelled"|"callback"|"plan"|"file"|"format"

---What every function returns as its second value when the world does not play along.
---@class awork.Error
---@field kind awork.ErrorKind
---@field code string
---@field description string
---@field retryable boolean
---@field hint? string
---@field status? integer
---@field details? string[]
---@field violations? awork.Violation[]
---@field validationErrors? { property: string, message: string }[]
---@field warnings? awork.Violation[]
---@field trace_id? string
---@field edge_ref? string
---@field link? string
---@field method? string
---@field path? string
---@field attempts? integer
---@field ambiguous? true a create that may have taken effect
---@field read_back? awork.Error
---@field retry_at? number seconds since the epoch
---@field cause? any
---@field traceback? string
---@field file? string of a file of people: its name
---@field row? integer the row, card or item, from 1
---@field line? integer
---@field column? string of CSV
---@field property? string of the others
---@field message? string the description without the place
---@field fatal? true nothing more can be read
---@field errors? awork.Error[] of a whole file, at most 100
---@field count? integer how many errors there are
---@field persons? table[] who could be read

---@class awork.PageInfo
---@field page integer
---@field page_size integer
---@field items integer on this page
---@field total_items? integer over all pages, after filtering

---@class awork.ListOptions
---@field page? integer from 1; 1 by default
---@field pageSize? integer 1 to 1000; 1000 by default
---@field filterby? string see `awork.filter`
---@field orderby? string "LastName,FirstName desc"
---@field timeout? number seconds, of each request

---@class awork.UserListOptions: awork.ListOptions
---@field showArchived? boolean

---Options of a single call.
---@class awork.CallOptions
---@field timeout? number seconds over all attempts
---@field start_within? number seconds: not sent if its turn, by rate limit and connections, comes later
---@field retry? false|integer attempts after the first; false: none, and no reading back

---@class awork.UpdateOptions : awork.CallOptions
---@field before? table the contact info as it is there: the change alone is judged

---@class awork.ClientOptions
---@field token? string|awork.OAuth|fun(): string?, any API key or access token; a function that returns one, called for each request
---@field base_url? string "https://api.awork.com/api/v1" by default
---@field timeout? number seconds over all attempts of a call; 30
---@field connect_timeout? number seconds; 5
---@field attempt_timeout? number seconds of one attempt; 0: bounded by timeout alone
---@field max_body? integer bytes of a response body; 16 MiB
---@field max_headers? integer bytes of a response's headers; 64 KiB
---@field max_depth? integer how deep JSON may nest, both ways; 64
---@field max_values? integer what the JSON of a response may hold: a key, number, boolean or null is one, a string two, a table four; 2000000
---@field ca_file? string PEM file of authorities to trust instead of the system's
---@field ca_path? string directory of hashed certificates
---@field proxy? string URL of a proxy; "": none
---@field no_proxy? string hosts that need no proxy, comma separated
---@field user_agent? string
---@field headers? table<string, string> for every request
---@field allow_http? boolean plain http to hosts other than loopback
---@field http2? boolean offer HTTP/2 over TLS; true
---@field strict? boolean warnings are violations
---@field validate? boolean false: send unchecked
---@field rate? false|{ second: integer?, minute: integer? } 50 and 1000; false: no limit
---@field reserve? number share of the rate left to others, from 0 to below 1
---@field max_wait? number seconds to wait for the rate limit at most; 120
---@field retries? integer attempts after the first; 2
---@field list_lag? number seconds after which lists are believed to show what a POST made, 0 to 3600; 20
---@field max_connections? integer requests in flight at once; 16
---@field concurrency? integer rows at once in create_many; 8
---@field on_request? fun(info: table)
---@field on_response? fun(info: table)
---@field on_retry? fun(info: table)
---@field log? fun(level: "debug"|"info"|"warn"|"error", message: string, fields: table)
---@field log_level? "debug"|"info"|"warn"|"error" "info" by default
---@field log_values? boolean hooks and log see contact values
---@field clock? fun(): number for tests: monotonic seconds
---@field sleep? fun(seconds: number) for tests
---@field random? fun(): number for tests: from 0 to below 1

---@class awork.RequestOptions
---@field query? table<string, string|number|boolean|(string|number|boolean)[]>
---@field body? table|string a table is sent as JSON
---@field headers? table<string, string>
---@field timeout? number seconds over all attempts
---@field start_within? number seconds: not sent if its turn, by rate limit and connections, comes later
---@field retry? false|integer
---@field idempotent? boolean may be sent again although it may have taken effect

---@class awork.Response
---@field status integer
---@field headers table<string, string> names in lower case
---@field body string as received
---@field url string
---@field http_version string
---@field attempts integer
---@field timings { queue: number, wait: number, connect: number, tls: number, first_byte: number, total: number } seconds

---@class awork.OAuthOptions
---@field client_id string
---@field client_secret? string of a confidential client
---@field refresh_token string|fun(): string?, any what is stored; a function is asked again when awork calls the token void
---@field access_token? string used until it expires or is refused
---@field expires_at? number epoch seconds at which access_token expires
---@field on_refresh? fun(refresh_token: string, more: { access_token: string, expires_at: number? }) stores the new refresh token
---@field token_url? string base_url .. "/accounts/token" by default
---@field clock? fun(): number for tests: epoch seconds

---A source of access tokens, for the option `token` of a client.
---@class awork.OAuth

---@class awork.Row
---@field user_id? string of `client.contact_infos:create_many`
---@field company_id? string of `client.company_contact_infos:create_many`
---@field info awork.ContactInfoForm

---@class awork.CreateManyOptions
---@field concurrency? integer rows at once, 1 to 1000
---@field on_progress? fun(done: integer, total: integer?, stats: { created: integer, adopted: integer, failed: integer }): false?
---@field on_result? fun(index: integer, row: awork.Row, info: awork.ContactInfo?, err: awork.Error?): false?
---@field stop_on_error? boolean
---@field timeout? number seconds, of each row
---@field retry? false|integer of each row

---@class awork.Report
---@field ok boolean every row was created
---@field total integer rows taken
---@field done integer rows finished
---@field created integer adopted ones too
---@field adopted integer found by reading back
---@field failed integer
---@field skipped integer rows of a list that were not begun
---@field stopped boolean it ended early
---@field elapsed number seconds
---@field results? { ok: boolean, info: awork.ContactInfo?, err: awork.Error?, adopted: boolean? }[] of a list, in its order

---@class awork.FindCriteria
---@field phone? string compared by digits
---@field email? string
---@field value? string
---@field type? string
---@field subType? string
---@field default_country? string "DE" or "49"
---@field limit? integer
---@field archived? boolean among archived users too
---@field api_users? boolean among API users too

---A contact info that should be there.
---@class awork.DesiredInfo: awork.ContactInfoForm
---@field id? string which of those that exist is meant
---@field absent? boolean it is not to be there
---@field replace? boolean it takes the place of the only other one of its type and subtype

---@class awork.DesiredEntry
---@field user? string an id or an email address
---@field company? string an id, an email address or a name
---@field contact_infos awork.DesiredInfo[]
---@field source? table comes back in what is said about the entry

---@class awork.PlanOptions
---@field prune? boolean delete what people have beside the desired ones
---@field only? string|table the scope: "phone", { "phone", "email/private" }
---@field replace? boolean
---@field default_country? string "DE" or "49"
---@field touch? string|string[] "external", "agent", "api_user", "deleted", "archived", "deactivated", "login"
---@field delete_limit? integer|false
---@field keeps? boolean

---@class awork.Change
---@field op "create"|"update"|"delete"
---@field owner awork.Owner
---@field owner_id string
---@field name? string
---@field id? string
---@field before? awork.ContactInfoForm
---@field form? awork.ContactInfoForm
---@field fields? string[]
---@field why string
---@field source? table

---@class awork.Plan
---@field changes awork.Change[]
---@field problems { kind: string, message: string, who: string?, violations: awork.Violation[]?, source: table? }[]
---@field warnings table[]
---@field skipped table[]
---@field keeps? table[]
---@field summary table<string, integer|boolean|nil>
---@field options table
---@field base_url? string
---@field workspace? string id of the one that it is for
---@field created_on? string
---@field format "awork-plan"
---@field version 2
---@field undo? true
local Plan = {}

---Prints the plan as a diff.
---@param out? { write: function }|fun(text: string) standard output by default
---@param options? { color: boolean? }
function Plan:print(out, options) end

---@param options? { color: boolean? }
---@return string
function Plan:to_text(options) end

---@return string
function Plan:to_json() end

---@param to string|fun(text: string): boolean?, string? a path, or what takes the text a piece at a time
---@param breathe? fun() called for each change, to let others run
---@return true? ok
---@return awork.Error? err
function Plan:save(to, breathe) end

---@return boolean
function Plan:is_empty() end

---@return "nothing"|"changes"|"problems"
function Plan:state() end

---@return 0|1|2
function Plan:exit_code() end

---@class awork.ApplyOptions
---@field partial? boolean apply a plan that has problems
---@field delete_limit? integer|false
---@field concurrency? integer people at once; 8
---@field journal? string|false path of the undo journal; false: none
---@field journal_dir? string
---@field on_progress? fun(settled: integer, total: integer, counts: table): false?
---@field should_stop? fun(): boolean?
---@field recheck? "each"|"list"
---@field max_age? number seconds after which what was read is read again before a write; 5
---@field lock? string|false directory of the lock that keeps two applies apart; false: none

---@class awork.ApplyReport
---@field state "nothing"|"done"|"incomplete"
---@field counts { create: integer, update: integer, delete: integer, already: integer, stale: integer, failed: integer, withheld: integer, not_run: integer }
---@field results { op: string, owner: string, owner_id: string, name: string?, id: string?, change: awork.Change, status: string, reason: string?, err: awork.Error? }[]
---@field total integer
---@field settled integer
---@field problems table[]
---@field skipped table[]
---@field undo? true
---@field cancelled? true
---@field error? awork.Error
---@field journal? string
local ApplyReport = {}

---@param out? { write: function }|fun(text: string)
---@param options? { color: boolean? }
function ApplyReport:print(out, options) end

---@param options? { color: boolean? }
---@return string
function ApplyReport:to_text(options) end

---@return 0|1
function ApplyReport:exit_code() end

---@class awork.Permissions
---@field user_id string
---@field role_id? string
---@field admin boolean
---@field guest boolean
---@field blocked boolean
---@field features table<string, table<string, true>>
---@field users { read: "all"|"own"|"none", write: "all"|"own"|"none" }
---@field companies { read: "all"|"none", write: "all"|"none" }
---@field by_team boolean

---@class awork.Check
---@field ok boolean
---@field user? { id: string, name: string }
---@field api_user? boolean
---@field workspace? { id: string, name: string }
---@field admin boolean
---@field guest boolean
---@field blocked boolean
---@field sees "others"|"self"|"nobody" who is in the list of users
---@field by_team boolean
---@field users integer how many are listed
---@field read "all"|"own"|"none"
---@field write "all"|"own"|"none"
---@field companies { read: "all"|"none", write: "all"|"none" }
---@field rate_limit table
---@field advice string[]

---@class awork.ContactInfos
local ContactInfos = {}

---Users (companies) by a contact info, over all pages.
---@param criteria awork.FindCriteria
---@return { user: awork.User?, company: awork.Company?, contact_info: awork.ContactInfo }[]? found
---@return awork.Error? err
function ContactInfos:find(criteria) end

---The one that is equal, or a new one.
---@param owner_id string
---@param info awork.ContactInfoForm
---@param options? { default_country: string? }
---@return awork.ContactInfo? info
---@return "existing"|"created"|awork.Error how
function ContactInfos:ensure(owner_id, info, options) end

---Creates a contact info, exactly once.
---@param owner_id string GUID of the user or company
---@param info awork.ContactInfoForm
---@param options? awork.CallOptions
---@return awork.ContactInfo? created
---@return awork.Error? err
---@return boolean? adopted it was found by reading back
function ContactInfos:create(owner_id, info, options) end

---Creates many, several at once.
---@param rows awork.Row[]|fun(): awork.Row?
---@param options? awork.CreateManyOptions
---@return awork.Report? report
---@return awork.Error? err
---@return awork.Report? partial
function ContactInfos:create_many(rows, options) end

---One page.
---@param owner_id string
---@param options? awork.ListOptions
---@return awork.ContactInfo[]? list
---@return awork.PageInfo|awork.Error info
function ContactInfos:list(owner_id, options) end

---An iterator over all pages; the last step gives `false, err` if one can't be had.
---@param owner_id string
---@param options? awork.ListOptions
---@return fun(): awork.ContactInfo|false|nil, awork.PageInfo|awork.Error|nil
function ContactInfos:each(owner_id, options) end

---@param owner_id string
---@param info_id string
---@param options? awork.CallOptions
---@return awork.ContactInfo? info
---@return awork.Error? err
function ContactInfos:get(owner_id, info_id, options) end

---Replaces the whole; what is not given is cleared.
---@param owner_id string
---@param info_id string
---@param info awork.ContactInfoForm
---@param options? awork.UpdateOptions
---@return awork.ContactInfo? updated
---@return awork.Error? err
function ContactInfos:update(owner_id, info_id, info, options) end

---Reads, merges, puts; `awork.null` clears a field.
---@param owner_id string
---@param info_id string
---@param changes table
---@param options? awork.CallOptions
---@return awork.ContactInfo? updated
---@return awork.Error? err
function ContactInfos:patch(owner_id, info_id, changes, options) end

---@param owner_id string
---@param info_id string
---@param options? awork.CallOptions
---@return true? ok
---@return awork.Error? err
function ContactInfos:delete(owner_id, info_id, options) end

---@class awork.Users
local Users = {}

---The user of the token, with their `workspace`.
---@return awork.User? user
---@return awork.Error? err
function Users:me() end

---API users: an API key acts as one of them.
---@return { id: string, name: string, roleId: string? }[]? list
---@return awork.Error? err
function Users:api_users() end

---@param options? awork.UserListOptions
---@return awork.User[]? list
---@return awork.PageInfo|awork.Error info
function Users:list(options) end

---@param options? awork.UserListOptions
---@return fun(): awork.User|false|nil, awork.PageInfo|awork.Error|nil
function Users:each(options) end

---@param user_id string
---@return awork.User? user
---@return awork.Error? err
function Users:get(user_id) end

---@param user_id string
---@param fields { firstName: string?, lastName: string?, birthDate: string?, gender: string?, title: string?, position: string?, language: string? }
---@return awork.User|true|nil user
---@return awork.Error? err
function Users:update(user_id, fields) end

---@param user_id string
---@return true? ok
---@return awork.Error? err
function Users:delete(user_id) end

---@param user_id string
---@return true? ok
---@return awork.Error? err
function Users:activate(user_id) end

---@param user_id string
---@param options? { include_summary: boolean? }
---@return true|table|nil ok or the summary
---@return awork.Error? err
function Users:deactivate(user_id, options) end

---@param user_id string
---@param archived boolean
---@return table|true|nil ok
---@return awork.Error? err
function Users:set_archived(user_id, archived) end

---@param email string
---@return { firstName: string?, lastName: string?, gender: string? }? guess empty if there is none
---@return awork.Error? err
function Users:autofill(email) end

---@class awork.Companies
local Companies = {}

---@param options? awork.ListOptions
---@return awork.Company[]? list
---@return awork.PageInfo|awork.Error info
function Companies:list(options) end

---@param options? awork.ListOptions
---@return fun(): awork.Company|false|nil, awork.PageInfo|awork.Error|nil
function Companies:each(options) end

---@param company_id string
---@return awork.Company? company
---@return awork.Error? err
function Companies:get(company_id) end

---@class awork.Task
local Task = {}

---@return "ready"|"waiting"|"running"|"done"|"failed"|"cancelled"
function Task:status() end

---@return boolean
function Task:done() end

---Waits for its end: what the function returned, or nil, err.
---@return any ...
function Task:wait() end

---@return boolean cancelled false if it had ended already
function Task:cancel() end

---@class awork.Client
---@field contact_infos awork.ContactInfos of users
---@field company_contact_infos awork.ContactInfos of companies
---@field users awork.Users
---@field companies awork.Companies
local Client = {}

---Any other endpoint.
---@param method "GET"|"HEAD"|"POST"|"PUT"|"PATCH"|"DELETE"|"OPTIONS"
---@param path string begins with "/"
---@param options? awork.RequestOptions
---@return any body decoded; true if there is none; nil if it failed
---@return awork.Response|awork.Error response
function Client:request(method, path, options) end

---@param fn function
---@param ... any its arguments
---@return awork.Task
function Client:spawn(fn, ...) end

---Drives all tasks to their end.
---@return true? ok
---@return awork.Error? err
function Client:loop() end

---Moves everything on without blocking.
---@return integer tasks how many are not done
function Client:step() end

---@param seconds number
---@return integer tasks how many are not done
function Client:wait(seconds) end

---@return number? seconds until `step` is needed; nil: nothing pending
function Client:timeout() end

---@return { fd: integer, read: boolean, write: boolean }[]
function Client:sockets() end

---@param seconds number
---@return true? ok
---@return awork.Error? err
function Client:sleep(seconds) end

--- Ends the task's turn if the step has run for about a millisecond: for a task that computes for long. Outside a task it
--- does nothing.
---@return boolean ended
function Client:yield() end

---Plans what is to be done so that people have the contact infos that they should have; changes nothing.
---@param desired awork.DesiredEntry[]|fun(): awork.DesiredEntry?
---@param options? awork.PlanOptions
---@return awork.Plan? plan
---@return awork.Error? err
function Client:plan(desired, options) end

---@param plan awork.Plan
---@param options? awork.ApplyOptions
---@return awork.ApplyReport? report
---@return awork.Error? err
---@return awork.ApplyReport? partial
function Client:apply(plan, options) end

---Puts back what an apply changed.
---@param journal string path
---@param options? awork.ApplyOptions
---@return awork.ApplyReport? report
---@return awork.Error? err
---@return awork.ApplyReport? partial
function Client:undo(journal, options) end

---What the token may do, as awork says it.
---@return awork.Permissions? permissions
---@return awork.Error? err
function Client:permissions() end

---Whom the token belongs to and what it may do.
---@return awork.Check? report
---@return awork.Error? err
function Client:check() end

---@return awork.Stats
function Client:stats() end

function Client:close() end

---@return boolean
function Client:is_closed() end

---@class awork.Stats
---@field requests integer
---@field attempts integer
---@field responses integer
---@field retries integer
---@field rate_limited integer answers 429
---@field failures integer requests that ended without an answer
---@field cancelled integer
---@field waits integer requests that waited for the rate limit
---@field wait_seconds number
---@field backoff_seconds number
---@field bytes_sent integer
---@field bytes_received integer
---@field connections integer opened
---@field seconds { queue: number, connect: number, tls: number, first_byte: number, total: number }
---@field in_flight integer
---@field queued integer
---@field read_backs integer
---@field adopted integer
---@field reposts integer
---@field tasks integer not done
---@field hook_errors integer
---@field events_lost integer

---Expressions for `filterby`: `awork.filter("lastName eq ?", "O'Neil")`.
---@class awork.filter
---@overload fun(template: string, ...: string|number|boolean|table|nil): string
local filter = {}

---@param value string
---@return string
function filter.quote(value) end

---@param id string
---@return table literal
function filter.guid(id) end

---@param at number|string epoch seconds, or ISO 8601
---@return table literal
function filter.datetime(at) end

---@class awork
---@field _VERSION string
---@field version { awork: string, curl: string, ssl: string, http2: boolean }
---@field filter awork.filter
---@field null lightuserdata clears a field, in `patch` and in forms
local awork = {}

---@param info awork.ContactInfoForm
---@param owner? awork.Owner
---@param strict? boolean warnings are violations
---@param before? table what is there now: the change alone is judged
---@return true? ok
---@return awork.Violation[]|awork.Error|nil warnings or err
function awork.validate(info, owner, strict, before) end

---@param info awork.ContactInfoForm
---@param owner? awork.Owner
---@param strict? boolean
---@param before? table what is there now: the change alone is judged
---@return awork.ContactInfoForm? copy what would be sent
---@return awork.Violation[]|awork.Error|nil warnings or err
function awork.contact_info(info, owner, strict, before) end

---@param owner? awork.Owner
---@return { type: string, subtypes: string[], subtype: "optional"|"required"|"any"|"none" }[]
function awork.types(owner) end

---@return { name: string, type: "string"|"boolean", max_length: integer?, doc: string }[]
function awork.fields() end

---@return string[]
function awork.countries() end

---@return { rule: string, kind: "violation"|"warning", doc: string }[]
function awork.rules() end

---@return table<string, { retryable: boolean, advice: string }>
function awork.error_codes() end

---@param options awork.ClientOptions
---@return awork.Client? client
---@return awork.Error? err
function awork.client(options) end

---@param options awork.OAuthOptions
---@return awork.OAuth
function awork.oauth(options) end

---The code of the country that a person may mean, and its English name.
---@param text string
---@return string? code
---@return string? name
function awork.country_code(text) end

---@param source string|file*|{ read: function }|fun(): string? the text of a plan, or where it comes from
---@param breathe? fun() called for each change, to let others run
---@return awork.Plan? plan
---@return awork.Error? err
function awork.load_plan(source, breathe) end

---@param journal string path
---@param client awork.Client
---@param options? awork.ApplyOptions
---@return awork.ApplyReport? report
---@return awork.Error? err
---@return awork.ApplyReport? partial
function awork.undo(journal, client, options) end

---@param journal string path
---@return awork.Plan? plan
---@return awork.Error? err
function awork.undo_plan(journal) end

---@param value any
---@return boolean
function awork.is_error(value) end

return awork
