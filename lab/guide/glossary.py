"""The words that a beginner meets: what they mean, and what their letters stand for."""

from dataclasses import dataclass

from lab.terminal.language import N_


@dataclass(frozen=True)
class Word:
    """A word, what its letters stand for (empty where they are none), and what it means, in a sentence or two.

    ``chapter`` explains it, and ``pattern`` finds it in the guide, in either language. ``term`` and ``text`` are for
    ``_``.
    """

    term: str
    spelled: str
    text: str
    chapter: int
    pattern: str


WORDS = (
    Word(
        N_("cloud"),
        "",
        N_(
            "Computers, disks and services of somebody else, rented by the hour, the gigabyte or the request through "
            "an API."
        ),
        1,
        r"\bclouds?\b|クラウド",
    ),
    Word(
        N_("API"),
        "Application Programming Interface",
        N_("What programs call. Everything in AWS is one; console, CLI and CDK call the same."),
        1,
        r"\bAPIs?\b",
    ),
    Word(
        N_("shared responsibility model"),
        "",
        N_(
            "Which part of security is AWS's (buildings, machines, what divides them) and which is yours (all that "
            "you put on them)."
        ),
        1,
        r"shared responsibility model|責任共有モデル",
    ),
    Word(
        N_("region"),
        "",
        N_(
            "A place in the world with AWS data centres, complete in itself: what is made in one is not there in "
            "another."
        ),
        1,
        r"\bregions?\b|リージョン(?!ナル)",
    ),
    Word(
        N_("availability zone"),
        "Availability Zone",
        N_(
            "One or more data centres of a region with power and network of their own. When one fails, its "
            "neighbours go on."
        ),
        3,
        r"\b[Aa]vailability [Zz]ones?\b|\bAZs?\b|アベイラビリティーゾーン",
    ),
    Word(
        N_("EC2"),
        "Amazon Elastic Compute Cloud",
        N_("Virtual machines, called instances, by the second."),
        1,
        r"\bEC2\b",
    ),
    Word(
        N_("S3"),
        "Amazon Simple Storage Service",
        N_("Keeps objects (files of any kind) in buckets, behind an HTTP API."),
        1,
        r"\bS3\b",
    ),
    Word(
        N_("EBS"),
        "Amazon Elastic Block Store",
        N_("Disks for EC2 instances. Each is in one zone and outlives a stop."),
        1,
        r"\bEBS\b",
    ),
    Word(
        N_("VPC"),
        "Amazon Virtual Private Cloud",
        N_("A network of your own inside a region."),
        1,
        r"\bVPCs?\b",
    ),
    Word(
        N_("IAM"),
        "AWS Identity and Access Management",
        N_("Who may do what on which resource, written in policies."),
        1,
        r"\bIAM\b",
    ),
    Word(
        N_("MFA"),
        "Multi-Factor Authentication",
        N_("A second proof of who you are beside the password, such as a code from your phone."),
        1,
        r"\bMFA\b",
    ),
    Word(
        N_("STS"),
        "AWS Security Token Service",
        N_("Hands out credentials that expire. Every role works through it."),
        1,
        r"\bSTS\b",
    ),
    Word(
        N_("DNS"),
        "Domain Name System",
        N_("Tells the address behind a name."),
        1,
        r"\bDNS\b",
    ),
    Word(
        N_("CloudFormation"),
        "AWS CloudFormation",
        N_("Makes, changes and deletes all that a template describes, as one stack."),
        1,
        r"\bCloudFormation\b",
    ),
    Word(
        N_("stack"),
        "",
        N_("What CloudFormation made from one template: resources that come and go together."),
        1,
        r"\bstacks?\b|スタック",
    ),
    Word(
        N_("CDK"),
        "AWS Cloud Development Kit",
        N_("Writes CloudFormation templates from a program, here in Python."),
        1,
        r"\bCDK\b",
    ),
    Word(
        N_("SDK"),
        "Software Development Kit",
        N_("A library that calls AWS's API from a programming language; boto3 is that of Python."),
        1,
        r"\bSDK\b",
    ),
    Word(
        N_("CIDR"),
        "Classless Inter-Domain Routing",
        N_(
            "How ranges of addresses are written: `10.0.0.0/16` fixes the first 16 of 32 bits and leaves 65,536 "
            "addresses."
        ),
        3,
        r"\bCIDR\b",
    ),
    Word(
        N_("subnet"),
        "",
        N_("A part of a VPC's range of addresses, in exactly one zone."),
        3,
        r"\bsubnets?\b|サブネット",
    ),
    Word(
        N_("route table"),
        "",
        N_("Says for each destination where packets go. The longest prefix that matches wins."),
        3,
        r"\broute tables?\b|ルートテーブル",
    ),
    Word(
        N_("main route table"),
        "",
        N_("The route table of every subnet that has none of its own. Each VPC has one."),
        3,
        r"\bmain route table\b|メインルートテーブル",
    ),
    Word(
        N_("internet gateway"),
        "Internet Gateway (IGW)",
        N_("The door between a VPC and the internet, for hosts that have a public address."),
        3,
        r"\b[Ii]nternet gateways?\b|\bIGW\b|インターネットゲートウェイ",
    ),
    Word(
        N_("NAT"),
        "Network Address Translation",
        N_(
            "Puts one public address in place of many private ones, so that hosts can call out while nobody can call "
            "in."
        ),
        3,
        r"\bNAT\b",
    ),
    Word(
        N_("Elastic IP"),
        "",
        N_("A public IPv4 address that stays yours until you release it, billed by the hour."),
        3,
        r"\bElastic IPs?\b",
    ),
    Word(
        N_("gateway endpoint"),
        "",
        N_("A route from a VPC to S3 (or DynamoDB) without internet or NAT, for nothing."),
        3,
        r"\bgateway endpoints?\b|ゲートウェイエンドポイント",
    ),
    Word(
        N_("flow log"),
        "VPC Flow Logs",
        N_("One line for each conversation in a VPC: from where, to where, how much, ACCEPT or REJECT."),
        3,
        r"\b[Ff]low logs?\b|フローログ",
    ),
    Word(
        N_("bastion"),
        "",
        N_("The one machine through which people get to hosts that nobody else can reach."),
        3,
        r"\bbastions?\b|踏み台",
    ),
    Word(
        N_("drift"),
        "",
        N_("A difference between a stack's template and what is really there, after a change by hand."),
        3,
        r"\bdrift\b|ドリフト",
    ),
    Word(
        N_("policy"),
        "",
        N_("A JSON document of statements that allow or deny."),
        4,
        r"\bpolic(?:y|ies)\b|ポリシー",
    ),
    Word(
        N_("ARN"),
        "Amazon Resource Name",
        N_("AWS's full name of a thing: `arn:aws:SERVICE:REGION:ACCOUNT:THING`."),
        4,
        r"\bARNs?\b",
    ),
    Word(
        N_("implicit deny"),
        "",
        N_("What no policy allows is denied, without anybody having said so."),
        4,
        r"\bimplicit(?:ly)? den(?:y|ied)\b|暗黙的な拒否",
    ),
    Word(
        N_("explicit deny"),
        "",
        N_("A `Deny` in a policy. It wins over every `Allow`."),
        4,
        r"\bexplicit(?:ly)? den(?:y|ied)\b|明示的な拒否",
    ),
    Word(
        N_("role"),
        "",
        N_("An identity with no password that a machine, a service or a person takes on for a while."),
        4,
        r"\broles?\b|ロール(?!バック)",
    ),
    Word(
        N_("root user"),
        "",
        N_(
            "Whoever signs in with the e-mail address that the account was made with. Nothing limits it; use it for "
            "nearly nothing."
        ),
        4,
        r"\broot user\b|ルートユーザー",
    ),
    Word(
        N_("access key"),
        "",
        N_("An id and a secret for programs. It is valid until somebody deletes it, so prefer a role."),
        4,
        r"\baccess keys?\b|アクセスキー",
    ),
    Word(
        N_("instance"),
        "",
        N_("A virtual machine of EC2."),
        1,
        r"\binstances?\b|インスタンス",
    ),
    Word(
        N_("AMI"),
        "Amazon Machine Image",
        N_("The image that an instance's disk begins as: an operating system, ready to start."),
        5,
        r"\bAMIs?\b",
    ),
    Word(
        N_("ENI"),
        "Elastic Network Interface",
        N_("The network card of an instance. Addresses and security groups belong to it."),
        12,
        r"\bENIs?\b|\bnetwork interfaces?\b|ネットワークインターフェイス",
    ),
    Word(
        N_("key pair"),
        "",
        N_("A public key that AWS puts on the machine, and a private key with which its owner signs in by SSH."),
        5,
        r"\bkey pairs?\b|キーペア",
    ),
    Word(
        N_("SSH"),
        "Secure Shell",
        N_("An encrypted shell on another machine, on port 22."),
        5,
        r"\bSSH\b",
    ),
    Word(
        N_("user data"),
        "",
        N_("The script that an instance runs at its first boot."),
        5,
        r"\b[Uu]ser data\b|ユーザーデータ",
    ),
    Word(
        N_("IMDS"),
        "Instance Metadata Service",
        N_(
            "Answers at 169.254.169.254 on an instance, with what the instance is and the credentials of its role. "
            "Version 2 asks for a token first."
        ),
        5,
        r"\bIMDS(?:v2)?\b|\bmetadata service\b|メタデータサービス",
    ),
    Word(
        N_("tag"),
        "",
        N_("A label of key and value on a resource. The console's Name is the tag of that name."),
        5,
        r"\b[Tt]ags?\b|タグ",
    ),
    Word(
        N_("storage class"),
        "",
        N_("How an object in S3 is kept: the colder, the less to keep and the more to read."),
        6,
        r"\b[Ss]torage class(?:es)?\b|ストレージクラス",
    ),
    Word(
        N_("lifecycle rule"),
        "",
        N_("Moves objects to another storage class, or deletes them, by age."),
        6,
        r"\b[Ll]ifecycle rules?\b|ライフサイクルルール",
    ),
    Word(
        N_("durability"),
        "",
        N_("That what was stored is not lost. S3 is designed for 99.999999999 % a year."),
        9,
        r"\bdurab(?:ility|le)\b|耐久性",
    ),
    Word(
        N_("availability"),
        "",
        N_("That a service answers when it is asked. S3 Standard is designed for 99.99 % of a year."),
        9,
        r"\bavailability\b(?! zone)|可用性",
    ),
    Word(
        N_("object"),
        "",
        N_("What S3 keeps: a key, bytes and metadata."),
        1,
        r"\bobjects?\b|オブジェクト",
    ),
    Word(
        N_("bucket"),
        "",
        N_("Holds objects. Its name is unique among all customers of AWS."),
        9,
        r"\bbuckets?\b|バケット",
    ),
    Word(
        N_("versioning"),
        "",
        N_("Keeps what is overwritten or deleted in a bucket, and bills it."),
        9,
        r"\b[Vv]ersioning\b|バージョニング",
    ),
    Word(
        N_("TLS"),
        "Transport Layer Security",
        N_("Encrypts what travels: the s of https."),
        9,
        r"\bTLS\b",
    ),
    Word(
        N_("instance profile"),
        "",
        N_("What hands a role to an instance."),
        9,
        r"\binstance profiles?\b|インスタンスプロファイル",
    ),
    Word(
        N_("s3fs"),
        "",
        N_("Shows a bucket as a folder, through FUSE."),
        5,
        r"\bs3fs\b",
    ),
    Word(
        N_("FUSE"),
        "Filesystem in Userspace",
        N_("Lets an ordinary program be a file system on Linux."),
        9,
        r"\bFUSE\b",
    ),
    Word(
        N_("mount"),
        "",
        N_("Making a file system appear at a folder."),
        1,
        r"\bmount(?:s|ed)?\b|マウント",
    ),
    Word(
        N_("CLI"),
        "Command Line Interface",
        N_("Commands for a shell. The AWS CLI has one for each operation of AWS."),
        11,
        r"\bCLI\b",
    ),
    Word(
        N_("JMESPath"),
        "",
        N_("The language of `--query`: takes parts out of JSON."),
        11,
        r"\bJMESPath\b",
    ),
    Word(
        N_("security group"),
        "Security Group (SG)",
        N_("A stateful firewall around network interfaces, with rules that allow."),
        12,
        r"\b[Ss]ecurity groups?\b|セキュリティグループ",
    ),
    Word(
        N_("network ACL"),
        "Network Access Control List",
        N_("A stateless firewall around a subnet, with numbered rules that allow or deny."),
        12,
        r"\b[Nn]etwork ACLs?\b|ネットワーク ACL",
    ),
    Word(
        N_("stateful"),
        "",
        N_("Remembers connections, so that a reply needs no rule."),
        12,
        r"\bstateful\b|ステートフル",
    ),
    Word(
        N_("stateless"),
        "",
        N_("Judges each packet by itself, so that a reply needs a rule of its own."),
        12,
        r"\bstateless\b|ステートレス",
    ),
    Word(
        N_("ephemeral port"),
        "",
        N_("The port that a client calls from, picked anew for each connection: 1024 to 65535."),
        12,
        r"\bephemeral ports?\b|エフェメラルポート",
    ),
    Word(
        N_("ICMP"),
        "Internet Control Message Protocol",
        N_("Messages about packets, such as ping, or that one is too big for the way."),
        12,
        r"\bICMP\b",
    ),
    Word(
        N_("quota"),
        "Service Quotas",
        N_("How much of a thing an account may have; more on request."),
        8,
        r"\bquotas?\b|クォータ",
    ),
)
