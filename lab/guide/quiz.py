"""Questions about each chapter, for whoever wants to know what stayed: one choice of each is right."""

from dataclasses import dataclass

from lab.terminal.language import N_


@dataclass(frozen=True)
class Question:
    """A question about the chapter of a number; ``right`` is the place of the right choice. Texts are for ``_``."""

    chapter: int
    text: str
    choices: tuple[str, ...]
    right: int
    why: str


QUESTIONS = (
    Question(
        1,
        N_("Your stack is in Tokyo (`ap-northeast-1`). You ask for it in `us-east-1`. What comes back?"),
        (
            N_("The same stack"),
            N_("An error: there is no such stack"),
            N_("A copy of it, some minutes old"),
        ),
        1,
        N_(
            "Each region is complete in itself. What you make in one is not there in another, so look at the region "
            "first when something seems to be gone."
        ),
    ),
    Question(
        1,
        N_(
            "Somebody got into your server through a port that you left open. Whose side of the shared "
            "responsibility model is that?"
        ),
        (
            N_("AWS's"),
            N_("Yours"),
            N_("Nobody's: the internet is like that"),
        ),
        1,
        N_(
            "AWS answers for the buildings, the machines and what divides them up. Open ports, permissions and "
            "updates inside a virtual machine are the customer's."
        ),
    ),
    Question(
        1,
        N_("On a paid account, what stops the bill at 20 USD by itself?"),
        (
            N_("AWS Budgets, with a mail"),
            N_("A limit in the account's settings"),
            N_("None of them"),
        ),
        2,
        N_(
            "A budget sends mail, and can carry out an action that you prepared, but it looks at figures that are "
            "hours old. What costs nothing is only what you have deleted."
        ),
    ),
    Question(
        1,
        N_("A job takes six hours. Which of these cannot run it?"),
        (
            N_("AWS Batch"),
            N_("Amazon EC2"),
            N_("AWS Lambda"),
            N_("A container on AWS Fargate"),
        ),
        2,
        N_("A call of a Lambda function ends after 15 minutes at most (5 in the primer's day)."),
    ),
    Question(
        1,
        N_("Which of these keeps objects, with no disk for you to size?"),
        (
            N_("Amazon EBS"),
            N_("Amazon S3"),
            N_("Amazon RDS"),
        ),
        1,
        N_(
            "A bucket holds any number of objects. An EBS volume is a disk of a size that you choose, and RDS is a "
            "database on one."
        ),
    ),
    Question(
        3,
        N_("How many addresses does `10.0.0.0/16` have?"),
        (
            N_("16"),
            N_("256"),
            N_("65,536"),
            N_("16,777,216"),
        ),
        2,
        N_("An IPv4 address has 32 bits. 16 are fixed, so 16 are free: 2 to the power of 16 is 65,536."),
    ),
    Question(
        3,
        N_("A subnet is a `/24`: 256 addresses. How many can your machines have?"),
        (
            N_("256"),
            N_("254"),
            N_("251"),
        ),
        2,
        N_("AWS keeps five of each subnet: the first four, among them its router and DNS, and the last."),
    ),
    Question(
        3,
        N_("What makes a subnet public?"),
        (
            N_("Its name"),
            N_("A route to an internet gateway in its route table"),
            N_("A public address on one of its machines"),
        ),
        1,
        N_(
            "Nothing in a subnet itself is public or private. A machine there needs a public address as well to be "
            "reached, but the route comes first."
        ),
    ),
    Question(
        3,
        N_(
            "A route table has `10.0.0.0/16` to `local` and `0.0.0.0/0` to a NAT gateway. Where does a packet for "
            "`10.0.2.7` go?"
        ),
        (
            N_("To the NAT gateway: it is for everything"),
            N_("Straight to the host in the VPC"),
            N_("To both"),
        ),
        1,
        N_("Both routes match, and the longer prefix wins: /16 is more specific than /0."),
    ),
    Question(
        3,
        N_("Can somebody on the internet start a conversation with a host behind a NAT gateway?"),
        (
            N_("Yes, through the gateway's Elastic IP"),
            N_("No"),
            N_("Only on 443"),
        ),
        1,
        N_("A NAT gateway passes on answers to what began inside, and nothing else."),
    ),
    Question(
        3,
        N_("You make a new subnet and associate no route table with it. Which one does it use?"),
        (
            N_("None: nothing leaves it"),
            N_("The VPC's main route table"),
            N_("That of the nearest subnet"),
        ),
        1,
        N_(
            "Every VPC has a main route table, for the subnets that have none of their own. Ours has only the local "
            "route, so a forgotten subnet is a private one."
        ),
    ),
    Question(
        4,
        N_("No policy says anything about `ec2:RunInstances`. May alice start a new instance?"),
        (
            N_("Yes: nothing forbids it"),
            N_("No: nothing allows it"),
            N_("Only with MFA"),
        ),
        1,
        N_("What no policy allows is denied. That is called an implicit deny."),
    ),
    Question(
        4,
        N_("One policy allows `s3:GetObject`, another denies it. What holds?"),
        (
            N_("The one that was attached last"),
            N_("Allowed: one `Allow` is enough"),
            N_("Denied"),
        ),
        2,
        N_("An explicit `Deny` wins over every `Allow`, wherever they stand."),
    ),
    Question(
        4,
        N_("A statement is to be about two instances. How are their ARNs written?"),
        (
            N_("`Resource` twice"),
            N_('A list: `"Resource": ["arn:...", "arn:..."]`'),
            N_("One text, with a comma between"),
        ),
        1,
        N_(
            "An element may stand once in a statement. Most programs that read JSON keep only the last of two, "
            "without a word."
        ),
    ),
    Question(
        4,
        N_("A policy allows `ec2:DescribeInstances` on the ARN of one instance. What does its user see?"),
        (
            N_("That instance"),
            N_("All instances"),
            N_("Nothing: the call is denied"),
        ),
        2,
        N_("EC2's Describe operations cannot be narrowed to a resource. They are allowed on `*` or not at all."),
    ),
    Question(
        4,
        N_("A program on an instance reads from a bucket. How does it prove who it is?"),
        (
            N_("With the access key of a user, in a file"),
            N_("With the role of the instance"),
            N_("With the key pair"),
        ),
        1,
        N_(
            "A role hands out credentials that expire by themselves. An access key is valid until somebody deletes "
            "it, and files are copied. The key pair is for SSH."
        ),
    ),
    Question(
        4,
        N_("Which of these needs the root user?"),
        (
            N_("Making a user in IAM"),
            N_("Deploying a stack"),
            N_("Changing the account's e-mail address"),
        ),
        2,
        N_("Everything else an administrator can do. So give the root user MFA and no access key, and leave it alone."),
    ),
    Question(
        5,
        N_("You stop an instance. What goes on costing?"),
        (
            N_("Nothing of it"),
            N_("Its disk and its Elastic IP"),
            N_("Its hours"),
            N_("Its security groups"),
        ),
        1,
        N_("The hours end with the stop. The disk keeps your data, the address stays yours, and both are billed."),
    ),
    Question(
        5,
        N_("What does `micro` in `t3.micro` say?"),
        (
            N_("The generation"),
            N_("The maker of the processor"),
            N_("The size"),
            N_("The price class"),
        ),
        2,
        N_("t is the family, 3 the generation, micro the size: 2 virtual CPUs and 1 GiB of memory."),
    ),
    Question(
        5,
        N_("An AMI id works in Tokyo. Does it work in Virginia?"),
        (
            N_("Yes"),
            N_("No: an AMI belongs to one region"),
            N_("Yes, but slowly"),
        ),
        1,
        N_(
            "The same image has another id in each region. That is why the template asks Parameter Store for the "
            "newest Ubuntu of its own region."
        ),
    ),
    Question(
        5,
        N_("Which change keeps the instance with its disk?"),
        (
            N_("Another instance type"),
            N_("Another AMI"),
            N_("Another subnet"),
        ),
        0,
        N_(
            "AWS stops the instance, changes its type and starts it again. Another image or subnet makes "
            "CloudFormation replace it by a new one."
        ),
    ),
    Question(
        5,
        N_("Who has the private key of a key pair?"),
        (
            N_("AWS, on the instance"),
            N_("Everybody in the account"),
            N_("Whoever is to sign in by SSH"),
        ),
        2,
        N_(
            "The public key is put on the instance. The private one opens it, so it stays with people: here in "
            "Parameter Store, encrypted, and who fetches it is logged."
        ),
    ),
    Question(
        5,
        N_("Why does version 2 of the metadata service ask for a token first?"),
        (
            N_("To count requests"),
            N_("So that a program that is tricked into fetching an address does not give credentials away"),
            N_("To encrypt the answers"),
        ),
        1,
        N_(
            "The token comes from a PUT request with a header of its own. Whoever can only make a program fetch a "
            "URL cannot send that."
        ),
    ),
    Question(
        6,
        N_("Which of these costs while nobody uses it?"),
        (
            N_("A VPC"),
            N_("A security group"),
            N_("A NAT gateway"),
            N_("A gateway endpoint for S3"),
        ),
        2,
        N_(
            "It is billed for each hour that it is there, and for each GB that goes through it. The other three cost "
            "nothing."
        ),
    ),
    Question(
        6,
        N_("30 million GETs a month, at 0.0037 USD for 10,000 of them. How much is that?"),
        (
            N_("1.11 USD"),
            N_("11.10 USD"),
            N_("111 USD"),
        ),
        1,
        N_(
            "30,000,000 / 10,000 x 0.0037 = 11.10. It is the primer's own example, and `lab cost --gets 30000000` "
            "reckons the same."
        ),
    ),
    Question(
        6,
        N_("You upload 500 GB from home to S3. What does the transfer itself cost?"),
        (
            N_("It is free"),
            N_("As much as a download"),
            N_("0.01 USD a GB"),
        ),
        0,
        N_(
            "What comes in is free. Storage and PUT requests are billed, and what goes out to the internet, after "
            "the first 100 GB of a month."
        ),
    ),
    Question(
        6,
        N_(
            "You delete an object in Glacier Flexible Retrieval after 10 days. For how many days of storage do you pay?"
        ),
        (
            N_("10"),
            N_("30"),
            N_("90"),
        ),
        2,
        N_("Archive classes have a minimum: 90 days for Instant and Flexible Retrieval, 180 for Deep Archive."),
    ),
    Question(
        6,
        N_(
            "An instance in a private subnet reads 100 GB from S3 of its own region. What makes that free of "
            "transfer fees?"
        ),
        (
            N_("A NAT gateway"),
            N_("A gateway endpoint"),
            N_("An Elastic IP"),
        ),
        1,
        N_(
            "Through a NAT gateway each GB costs. The gateway endpoint puts a route to S3 into the table, and costs "
            "nothing."
        ),
    ),
    Question(
        6,
        N_("What does a public IPv4 address cost that is in use all month?"),
        (
            N_("Nothing: only an unused one costs"),
            N_("About 0.37 USD"),
            N_("About 3.65 USD"),
        ),
        2,
        N_("Since February 2024 each costs 0.005 USD an hour, in use or not: 730 hours make 3.65 USD."),
    ),
    Question(
        9,
        N_("How many folders are there in a bucket that holds `photos/2026/cat.jpg`?"),
        (
            N_("None"),
            N_("One"),
            N_("Two"),
        ),
        0,
        N_("There is one object with a long key. The slash is a letter of it, and tools draw folders from it."),
    ),
    Question(
        9,
        N_("Versioning is on and you delete an object. What happens to its bytes?"),
        (
            N_("They are gone"),
            N_("They stay, under a delete marker, and are billed"),
            N_("They move to Glacier"),
        ),
        1,
        N_(
            "A delete marker is the newest version now. Delete the marker, and the object is back; a lifecycle rule "
            "deletes old versions after 90 days here."
        ),
    ),
    Question(
        9,
        N_("Can S3 Standard change one byte of an object?"),
        (
            N_("Yes"),
            N_("No: an object is replaced as a whole"),
            N_("Only through s3fs"),
        ),
        1,
        N_("s3fs makes it look so, and sends the object anew. That is why a database on it is a bad idea."),
    ),
    Question(
        9,
        N_("S3 promises 99.999999999 % of something. Of what?"),
        (
            N_("Availability: that it answers"),
            N_("Durability: that an object is not lost in a year"),
            N_("Consistency: that you read what was written"),
        ),
        1,
        N_(
            "It is what S3 is designed for: of ten million objects, one is lost in 10,000 years on average. "
            "Availability is another figure, 99.99 % for Standard, and a delete by mistake is in neither."
        ),
    ),
    Question(
        9,
        N_("The mount has `default_acl=public-read`, as the primer's. What happens at the first write?"),
        (
            N_("The file is public"),
            N_("It fails: ACLs are disabled in new buckets"),
            N_("It works, and nothing else happens"),
        ),
        1,
        N_(
            "S3 answers AccessControlListNotSupported, and the program sees an input/output error. If it worked, the "
            "file would be open to the world."
        ),
    ),
    Question(
        9,
        N_("Where does s3fs on the bastion have its credentials from?"),
        (
            N_("From `/etc/passwd-s3fs`"),
            N_("From the metadata service, which gives out those of the role"),
            N_("From the key pair"),
        ),
        1,
        N_(
            "The instance profile hands the role to the machine. The credentials change every few hours, and no file "
            "holds them."
        ),
    ),
    Question(
        11,
        N_("You are refused and do not know why. Which command do you run first?"),
        (
            N_("`aws configure`"),
            N_("`aws sts get-caller-identity`"),
            N_("`aws iam list-users`"),
        ),
        1,
        N_("It says as whom AWS sees you, and needs no permission."),
    ),
    Question(
        11,
        N_("`AWS_PROFILE` names alice, and the command has `--profile bob`. Who calls?"),
        (
            N_("alice"),
            N_("bob"),
            N_("The role of the instance"),
        ),
        1,
        N_(
            "An option goes before an environment variable, that before the files in `~/.aws`, and the role of an "
            "instance comes last."
        ),
    ),
    Question(
        11,
        N_("There are 5,000 instances and you want those that run. What lessens what AWS sends?"),
        (
            N_("`--query`"),
            N_("`--filters`"),
            N_("Both alike"),
        ),
        1,
        N_("`--filters` lets AWS choose before it answers. `--query` cuts the answer when it is here."),
    ),
    Question(
        11,
        N_("`aws ec2 terminate-instances --dry-run` answers `DryRunOperation`. What does that mean?"),
        (
            N_("The instance is being deleted"),
            N_("You would be allowed, and nothing was done"),
            N_("You are not allowed"),
        ),
        1,
        N_("Whoever may not gets `UnauthorizedOperation`. Both come as errors, so a script looks at the code."),
    ),
    Question(
        11,
        N_("What is the `-` in `aws s3 cp - s3://bucket/about.txt`?"),
        (
            N_("Standard input"),
            N_("The current folder"),
            N_("No file: an empty object"),
        ),
        0,
        N_("What a pipe brings becomes the object, with no file in between."),
    ),
    Question(
        12,
        N_("A security group lets 443 in and has no outbound rule at all. Does a browser get its page?"),
        (
            N_("Yes"),
            N_("No: the reply may not leave"),
            N_("Only the first page"),
        ),
        0,
        N_(
            "A group is stateful: the reply to a request that was let in always passes. The server itself could not "
            "begin a conversation with anybody."
        ),
    ),
    Question(
        12,
        N_("A network ACL lets 443 in and nothing out. What happens to a browser's request?"),
        (
            N_("It is stopped at the ACL"),
            N_("It arrives, and the reply is lost"),
            N_("All is well"),
        ),
        1,
        N_("An ACL is stateless: it does not know a reply from a request. The browser waits until it gives up."),
    ),
    Question(
        12,
        N_("Rule 100 of an ACL allows 443 to everyone, rule 110 denies one address. Can that address connect to 443?"),
        (
            N_("Yes: rule 100 matches first"),
            N_("No: a deny always wins"),
            N_("No: the more specific one wins"),
        ),
        0,
        N_(
            "The lowest number that matches decides, and the rest is not looked at. It is policies of IAM where a "
            "deny always wins."
        ),
    ),
    Question(
        12,
        N_("One address is to be kept out. Where can you say so?"),
        (
            N_("In a security group"),
            N_("In a network ACL"),
            N_("In both"),
        ),
        1,
        N_("A security group has only rules that allow."),
    ),
    Question(
        12,
        N_("You make a new security group and give it no rule. What does it let through?"),
        (
            N_("Nothing in, everything out"),
            N_("Nothing at all"),
            N_("Everything"),
        ),
        0,
        N_("AWS gives each new group one outbound rule, for everything. Delete it where you want less."),
    ),
    Question(
        12,
        N_(
            "A rule lets 3306 in from the group `web`. A member of `web` calls the database by a public address. Is "
            "it let in?"
        ),
        (
            N_("Yes: it is a member"),
            N_("No: the rule means private addresses"),
            N_("Only in the same zone"),
        ),
        1,
        N_(
            "A rule that names a group stands for its members' private addresses. What takes the way over the "
            "internet comes from a public one."
        ),
    ),
)
