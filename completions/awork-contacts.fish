function __fish_awork-contacts_print_command
    set -l cmdline (commandline -poc)
    set -l cmd
    set -e cmdline[1]
    for arg in $cmdline
        switch $arg
            case check
                set cmd $cmd check
                break
            case find
                set cmd $cmd find
                break
            case list
                set cmd $cmd list
                break
            case validate
                set cmd $cmd validate
                break
            case plan
                set cmd $cmd plan
                break
            case apply
                set cmd $cmd apply
                break
            case undo
                set cmd $cmd undo
                break
            case export
                set cmd $cmd export
                break
            case types
                set cmd $cmd types
                break
            case sandbox
                set cmd $cmd sandbox
                break
            case completion
                set cmd $cmd completion
                break
        end
    end
    echo "$cmd"
end

function __fish_awork-contacts_using_command
    test (__fish_awork-contacts_print_command) = "$argv"
    and return 0
    or return 1
end

function __fish_awork-contacts_seen_command
    string match -q "$argv*" (__fish_awork-contacts_print_command)
    and return 0
    or return 1
end

complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'check' -d 'Who am I, and what may I do?'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'find' -d 'Find people by a contact info'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'list' -d 'List contact infos, of everyone or of one'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'validate' -d 'Check a file, offline'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'plan' -d 'Show what would be changed'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'apply' -d 'Make awork match a file, or apply a saved plan'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'undo' -d 'Put back what an apply changed'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'export' -d 'Write everyone\'s contact infos to a file, or to standard output'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'types' -d 'List the types and subtypes that awork knows'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'sandbox' -d 'Run a server that behaves like awork, and print what to export for it'
complete -c awork-contacts -n '__fish_awork-contacts_using_command' -xa 'completion' -d 'Print a completion script for a shell'
complete -c awork-contacts -s h -l help -d 'Show this help'
complete -c awork-contacts -l version -d 'Show the version'
complete -c awork-contacts -l json -d 'Results as JSON, for programs; messages stay on standard error'
complete -c awork-contacts -s q -l quiet -d 'Say nothing but results and errors'
complete -c awork-contacts -l no-color -d 'No colours'
complete -c awork-contacts -l base-url -r -d 'Where the API is'
complete -c awork-contacts -l ca-file -r -d 'Certificates (PEM) to trust instead of the system\'s'
complete -c awork-contacts -l token-file -r -d 'A file of mode 0600 with the token'
complete -c awork-contacts -l timeout -r -d 'For one request, with its retries (30)'
complete -c awork-contacts -l reserve -r -d 'Share of the rate limit that is left to others: 0.2 is a fifth (0)'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command check' -s h -l help -d 'Show this help'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l phone -r -d 'By phone number'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l email -r -d 'By email address'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l value -r -d 'By a value of any type'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l type -r -d 'Of this type'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l subtype -r -d 'Of this subtype'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l limit -r -d 'Stop after so many'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l archived -d 'Look among archived users, too'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l api-users -d 'Look among API users, too'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l companies -d 'Companies instead of users'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command find' -l default-country -r -d 'Whose phone numbers are written without a calling code: DE, or 49'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command list' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command list' -l only -r -d 'These types, or subtypes, alone'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command list' -l archived -d 'Archived users, too'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command list' -l api-users -d 'API users, too'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command list' -l companies -d 'Companies instead of users'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -l from -xa 'csv tsv vcard scim json jsonl' -d 'The file\'s format: csv, tsv, vcard, scim, json or jsonl'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -l encoding -r -d 'The file\'s encoding, if not UTF-8: windows-1252, utf-16, ..'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -l user -r -d 'Which column (property, attribute) says who it is: an awork id or an email address'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -l column -r -d 'What a CSV column is: \'Durchwahl=phone:work\', \'Haus=address:work:addressLine1\''
complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -l ignore-column -r -d 'A column (property, attribute) that holds nothing for awork'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command validate' -l strict -d 'What is doubtful is wrong'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -s o -l output -r -d 'Save the plan, for apply; - is standard output'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l from -xa 'csv tsv vcard scim json jsonl' -d 'The file\'s format: csv, tsv, vcard, scim, json or jsonl'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l encoding -r -d 'The file\'s encoding, if not UTF-8: windows-1252, utf-16, ..'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l user -r -d 'Which column (property, attribute) says who it is: an awork id or an email address'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l column -r -d 'What a CSV column is: \'Durchwahl=phone:work\', \'Haus=address:work:addressLine1\''
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l ignore-column -r -d 'A column (property, attribute) that holds nothing for awork'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l default-country -r -d 'Whose phone numbers are written without a calling code: DE, or 49'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l prune -d 'Delete what the people named have and the file does not, in the scope of --only'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l only -r -d 'Look at these alone: types, or subtypes, as in phone,email/private'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l replace -d 'A new value takes the place of the only other one of its type and subtype'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l touch -r -d 'Touch these, too: external, agent, api_user, deleted, archived, deactivated, login'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command plan' -l delete-limit -r -d 'Apply nothing if more would be deleted or replaced (10 %, at least 20)'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l from -xa 'csv tsv vcard scim json jsonl' -d 'The file\'s format: csv, tsv, vcard, scim, json or jsonl'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l encoding -r -d 'The file\'s encoding, if not UTF-8: windows-1252, utf-16, ..'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l user -r -d 'Which column (property, attribute) says who it is: an awork id or an email address'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l column -r -d 'What a CSV column is: \'Durchwahl=phone:work\', \'Haus=address:work:addressLine1\''
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l ignore-column -r -d 'A column (property, attribute) that holds nothing for awork'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l default-country -r -d 'Whose phone numbers are written without a calling code: DE, or 49'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l prune -d 'Delete what the people named have and the file does not, in the scope of --only'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l only -r -d 'Look at these alone: types, or subtypes, as in phone,email/private'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l replace -d 'A new value takes the place of the only other one of its type and subtype'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l touch -r -d 'Touch these, too: external, agent, api_user, deleted, archived, deactivated, login'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l delete-limit -r -d 'Apply nothing if more would be deleted or replaced (10 %, at least 20)'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -s y -l yes -d 'Do not ask'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l concurrency -r -d 'People at once (8)'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l journal -r -d 'The undo journal; must not exist yet'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command apply' -l partial -d 'Apply what can be, though the plan has problems'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command undo' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command undo' -s n -l dry-run -d 'Only show what would be put back'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command undo' -s y -l yes -d 'Do not ask'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command undo' -l concurrency -r -d 'People at once (8)'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command undo' -l journal -r -d 'The undo journal; must not exist yet'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -s f -l format -xa 'csv tsv vcard scim json jsonl' -d 'csv, tsv, vcard, scim, json or jsonl'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -s o -l output -r -d 'Where to; standard output by default'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -l only -r -d 'These types, or subtypes, alone'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -l archived -d 'Archived users, too'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -l api-users -d 'API users, too'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command export' -l bom -d 'CSV with a byte order mark, which Excel wants'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command types' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command types' -l companies -d 'Those of companies'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -s h -l help -d 'Show this help'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -l port -r -d '0: any free one (8080)'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -l people -r -d 'Users from a file, each with an email address alone'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -l users -r -d 'How many invented users (3)'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -l contact-infos -r -d 'Each of them has (0)'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -l tls -d 'With a certificate made at start'
complete -c awork-contacts -n '__fish_awork-contacts_seen_command sandbox' -l no-limit -d 'No rate limit'

complete -c awork-contacts -n '__fish_awork-contacts_seen_command completion' -s h -l help -d 'Show this help'
