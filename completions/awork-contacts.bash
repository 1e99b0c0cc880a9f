_awork-contacts() {
    local IFS=$' \t\n'
    local args cur prev cmd opts arg
    args=("${COMP_WORDS[@]}")
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    opts="-h --help --version --json -q --quiet --no-color --base-url --ca-file --token-file --timeout --reserve"

    case "$prev" in
        --base-url)
            COMPREPLY=($(compgen -f -- "$cur"))
            return 0
            ;;
        --ca-file)
            COMPREPLY=($(compgen -f -- "$cur"))
            return 0
            ;;
        --token-file)
            COMPREPLY=($(compgen -f -- "$cur"))
            return 0
            ;;
        --timeout)
            COMPREPLY=($(compgen -f -- "$cur"))
            return 0
            ;;
        --reserve)
            COMPREPLY=($(compgen -f -- "$cur"))
            return 0
            ;;
    esac

    args=("${args[@]:1}")
    for arg in "${args[@]}"; do
        case "$arg" in
            check)
                cmd="check"
                opts="$opts -h --help"
                break
                ;;
            find)
                cmd="find"
                opts="$opts -h --help --phone --email --value --type --subtype --limit --archived --api-users --companies --default-country"
                break
                ;;
            list)
                cmd="list"
                opts="$opts -h --help --only --archived --api-users --companies"
                break
                ;;
            validate)
                cmd="validate"
                opts="$opts -h --help --from --encoding --user --column --ignore-column --strict"
                break
                ;;
            plan)
                cmd="plan"
                opts="$opts -h --help -o --output --from --encoding --user --column --ignore-column --default-country --prune --only --replace --touch --delete-limit"
                break
                ;;
            apply)
                cmd="apply"
                opts="$opts -h --help --from --encoding --user --column --ignore-column --default-country --prune --only --replace --touch --delete-limit -y --yes --concurrency --journal --partial"
                break
                ;;
            undo)
                cmd="undo"
                opts="$opts -h --help -n --dry-run -y --yes --concurrency --journal"
                break
                ;;
            export)
                cmd="export"
                opts="$opts -h --help -f --format -o --output --only --archived --api-users --bom"
                break
                ;;
            types)
                cmd="types"
                opts="$opts -h --help --companies"
                break
                ;;
            sandbox)
                cmd="sandbox"
                opts="$opts -h --help --port --people --users --contact-infos --tls --no-limit"
                break
                ;;
            completion)
                cmd="completion"
                opts="$opts -h --help"
                break
                ;;
        esac
    done

    case "$cmd" in
        '')
            COMPREPLY=($(compgen -W "check find list validate plan apply undo export types sandbox completion" -- "$cur"))
            ;;
        'find')
            case "$prev" in
                --phone)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --email)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --value)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --type)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --subtype)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --limit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --default-country)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'list')
            case "$prev" in
                --only)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'validate')
            case "$prev" in
                --from)
                    COMPREPLY=($(compgen -W "csv tsv vcard scim json jsonl" -- "$cur"))
                    return 0
                    ;;
                --encoding)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --column)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ignore-column)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'plan')
            case "$prev" in
                -o|--output)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --from)
                    COMPREPLY=($(compgen -W "csv tsv vcard scim json jsonl" -- "$cur"))
                    return 0
                    ;;
                --encoding)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --column)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ignore-column)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --default-country)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --only)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --touch)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --delete-limit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'apply')
            case "$prev" in
                --from)
                    COMPREPLY=($(compgen -W "csv tsv vcard scim json jsonl" -- "$cur"))
                    return 0
                    ;;
                --encoding)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --column)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ignore-column)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --default-country)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --only)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --touch)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --delete-limit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --journal)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'undo')
            case "$prev" in
                --concurrency)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --journal)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'export')
            case "$prev" in
                -f|--format)
                    COMPREPLY=($(compgen -W "csv tsv vcard scim json jsonl" -- "$cur"))
                    return 0
                    ;;
                -o|--output)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --only)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'sandbox')
            case "$prev" in
                --port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --people)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --users)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --contact-infos)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
    esac

    if [[ "$cur" = -* ]]; then
        COMPREPLY=($(compgen -W "$opts" -- "$cur"))
    fi
}

complete -F _awork-contacts -o bashdefault -o default awork-contacts
