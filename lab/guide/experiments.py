"""What happens when ...? Something to break in each chapter: guess, break it, look, and put it back.

Commands are for a shell with the variables of ``lab guide --variables``, and each is one line. What they show is held
to what the explanations say by tests/local_aws/test_experiments.py.
"""

from dataclasses import dataclass

from lab.terminal.language import N_


@dataclass(frozen=True)
class Experiment:
    """A question with choices, of which ``right`` is the place of the right one, and the commands that answer it.

    ``command`` breaks, each of ``observe`` looks and changes nothing, and ``undo`` puts back: empty where nothing was
    changed. Texts are for ``_``.
    """

    id: str
    chapter: int
    question: str
    choices: tuple[str, ...]
    right: int
    command: str
    observe: tuple[str, ...]
    undo: str
    explain: str


EXPERIMENTS = (
    Experiment(
        "another-region",
        1,
        N_("You make a VPC with your VPC's very addresses, 10.0.0.0/16, in São Paulo. What happens?"),
        (
            N_("AWS refuses: the addresses are taken"),
            N_("It is made, and the two have nothing to do with each other"),
            N_("Your VPC becomes larger"),
        ),
        1,
        (
            "aws ec2 create-vpc --region sa-east-1 --cidr-block 10.0.0.0/16 --tag-specifications "
            "'ResourceType=vpc,Tags=[{Key=Name,Value=elsewhere}]'"
        ),
        (
            "aws ec2 describe-vpcs --filters Name=cidr,Values=10.0.0.0/16 --query 'Vpcs[].VpcId' --output text",
            (
                "aws ec2 describe-vpcs --region sa-east-1 --filters Name=cidr,Values=10.0.0.0/16 --query "
                "'Vpcs[].VpcId' --output text"
            ),
        ),
        (
            "aws ec2 delete-vpc --region sa-east-1 --vpc-id $(aws ec2 describe-vpcs --region sa-east-1 --filters "
            "Name=tag:Name,Values=elsewhere --query 'Vpcs[0].VpcId' --output text)"
        ),
        N_(
            "Each region answers with its own. Nothing that you make in one is there in the other, and two VPCs may "
            "have the same addresses as long as you do not want to connect them."
        ),
    ),
    Experiment(
        "no-route",
        3,
        N_("You delete the default route of private subnet 1. What can its hosts no longer do?"),
        (
            N_("Reach anything at all"),
            N_("Reach the internet"),
            N_("Reach the internet and S3"),
        ),
        1,
        (
            "aws ec2 delete-route --route-table-id $(aws ec2 describe-route-tables --filters "
            "Name=vpc-id,Values=$VpcId Name=tag:Name,Values=learning-private-1 --query "
            "'RouteTables[0].RouteTableId' --output text) --destination-cidr-block 0.0.0.0/0"
        ),
        (
            "python -m lab reach private-1 internet 443",
            "python -m lab reach private-1 s3 443",
            "python -m lab reach private-2 internet 443",
            "python -m lab verify",
        ),
        (
            "aws ec2 create-route --route-table-id $(aws ec2 describe-route-tables --filters "
            "Name=vpc-id,Values=$VpcId Name=tag:Name,Values=learning-private-1 --query "
            "'RouteTables[0].RouteTableId' --output text) --destination-cidr-block 0.0.0.0/0 --nat-gateway-id "
            "$(aws ec2 describe-nat-gateways --filter Name=vpc-id,Values=$VpcId Name=state,Values=available "
            "Name=tag:Name,Values=learning-public-1 --query 'NatGateways[0].NatGatewayId' --output text)"
        ),
        N_(
            "Its table has two routes left: `local`, for the VPC, and that of the gateway endpoint, for S3. Subnet 2 "
            "has a table of its own and notices nothing."
        ),
    ),
    Experiment(
        "forgotten-subnet",
        3,
        N_("You make a new subnet and do nothing else. Do its hosts reach the internet?"),
        (
            N_("Yes, as those of the other subnets do"),
            N_("No: the main route table has no way out"),
            N_("AWS refuses a subnet with no route table"),
        ),
        1,
        (
            "aws ec2 create-subnet --vpc-id $VpcId --cidr-block 10.0.250.0/24 --tag-specifications "
            "'ResourceType=subnet,Tags=[{Key=Name,Value=forgotten}]'"
        ),
        (
            (
                "aws ec2 describe-route-tables --filters Name=vpc-id,Values=$VpcId Name=association.main,Values=true "
                "--query 'RouteTables[].Routes'"
            ),
            "python -m lab reach forgotten internet 443",
        ),
        (
            "aws ec2 delete-subnet --subnet-id $(aws ec2 describe-subnets --filters Name=vpc-id,Values=$VpcId "
            "Name=tag:Name,Values=forgotten --query 'Subnets[0].SubnetId' --output text)"
        ),
        N_(
            "A subnet with no association uses the main route table of its VPC. Ours has nothing but the local "
            "route, so what somebody forgets is private and not public."
        ),
    ),
    Experiment(
        "explicit-deny",
        4,
        N_(
            "The bastion's role may read and write its bucket. You add a policy that denies reading. What may it do "
            "then?"
        ),
        (
            N_("Read and write: what was allowed stays allowed"),
            N_("Write only"),
            N_("Neither"),
        ),
        1,
        (
            "aws iam put-role-policy --role-name $RoleName --policy-name no-reading --policy-document "
            '\'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}\''
        ),
        (
            (
                "aws iam simulate-principal-policy --policy-source-arn $(aws iam get-role --role-name $RoleName "
                "--query Role.Arn --output text) --action-names s3:GetObject s3:PutObject s3:DeleteBucket "
                "--resource-arns arn:aws:s3:::$BucketName/about.txt --query "
                "'EvaluationResults[].[EvalActionName,EvalDecision]' --output text"
            ),
            "python -m lab verify",
        ),
        "aws iam delete-role-policy --role-name $RoleName --policy-name no-reading",
        N_(
            "`explicitDeny` for reading: a Deny wins over every Allow. `allowed` for writing. And `implicitDeny` for "
            "deleting the bucket, of which no policy says anything. `verify` finds the policy that is one too many."
        ),
    ),
    Experiment(
        "stopped",
        5,
        N_("You stop the bastion. What happens to its public address?"),
        (
            N_("It goes back to AWS, and the next start brings another"),
            N_("It stays, and is billed"),
            N_("It stays, for nothing"),
        ),
        1,
        "python -m lab stop",
        (
            (
                "aws ec2 describe-instances --instance-ids $InstanceId --query "
                "'Reservations[].Instances[].State.Name' --output text"
            ),
            (
                "aws ec2 describe-addresses --public-ips $BastionAddress --query 'Addresses[].[PublicIp,InstanceId]' "
                "--output text"
            ),
            "python -m lab cost --hours-a-day 0",
        ),
        "python -m lab start",
        N_(
            "It is an Elastic IP, yours until you release it. Of the stopped machine the hours end, while address "
            "and disk go on in the bill, and the NAT gateways with them."
        ),
    ),
    Experiment(
        "without-nat",
        6,
        N_(
            "You do without NAT gateways: `nat=none`. What becomes of the idle bill, and what do the private subnets "
            "still reach?"
        ),
        (
            N_("A tenth less; they reach nothing"),
            N_("Far less than half; they reach S3"),
            N_("The same; they reach everything"),
        ),
        1,
        "cdk synth --quiet -c nat=none",
        (
            "python -m lab cost",
            "python -m lab reach private-1 internet 443 --template",
            "python -m lab reach private-1 s3 443 --template",
        ),
        "cdk synth --quiet",
        N_(
            "NAT is most of what the stack costs while it waits: each gateway is billed by the hour, and so is its "
            "address. S3 goes through the gateway endpoint, which is free. (Nothing was deployed: `--template` looks "
            "at what `cdk synth` wrote.)"
        ),
    ),
    Experiment(
        "public-object",
        9,
        N_("You upload an object with the ACL `public-read`, as the primer's mount does. What happens?"),
        (
            N_("Everyone can read it"),
            N_("It is stored, and the ACL is ignored"),
            N_("S3 refuses it"),
        ),
        2,
        "aws s3api put-object --bucket $BucketName --key open.txt --acl public-read",
        (
            (
                "aws s3api get-bucket-ownership-controls --bucket $BucketName --query "
                "'OwnershipControls.Rules[].ObjectOwnership' --output text"
            ),
            "aws s3 ls s3://$BucketName/",
        ),
        "",
        N_(
            "`AccessControlListNotSupported`: new buckets have ACLs disabled (`BucketOwnerEnforced`). Policies alone "
            "say who reads. Nothing was stored, so there is nothing to put back."
        ),
    ),
    Experiment(
        "deleted-object",
        9,
        N_("You write an object and delete it. The bucket keeps versions. What is left?"),
        (
            N_("Nothing at all is left"),
            N_("The object, under a delete marker"),
            N_("A copy in the log bucket"),
        ),
        1,
        "echo hello | aws s3 cp - s3://$BucketName/lost.txt && aws s3 rm s3://$BucketName/lost.txt",
        (
            "aws s3 ls s3://$BucketName/lost.txt",
            (
                "aws s3api list-object-versions --bucket $BucketName --prefix lost.txt --query "
                "'[Versions[].[Key,Size,IsLatest],DeleteMarkers[].[Key,IsLatest]]'"
            ),
        ),
        (
            "aws s3api delete-object --bucket $BucketName --key lost.txt --version-id $(aws s3api "
            "list-object-versions --bucket $BucketName --prefix lost.txt --query 'DeleteMarkers[0].VersionId' "
            "--output text) && aws s3 cp s3://$BucketName/lost.txt - && aws s3 rm s3://$BucketName/lost.txt"
        ),
        N_(
            "`ls` does not show it, but its bytes are there and billed. Whoever deletes the marker has the object "
            "back. Here a lifecycle rule deletes old versions after 90 days."
        ),
    ),
    Experiment(
        "wrong-letter",
        11,
        N_("You ask for `instanceId`, with a small i, in `--query`. What do you get?"),
        (
            N_("The id: case does not matter"),
            N_("An error that names the wrong word"),
            N_("Nothing, and no error"),
        ),
        2,
        (
            "aws ec2 describe-instances --instance-ids $InstanceId --query "
            "'Reservations[].Instances[].instanceId' --output text"
        ),
        (
            (
                "aws ec2 describe-instances --instance-ids $InstanceId --query "
                "'Reservations[].Instances[].InstanceId' --output text"
            ),
        ),
        "",
        N_(
            "JMESPath takes a field that is not there for null. So an empty answer may mean a wrong letter: look at "
            "the whole answer in JSON first."
        ),
    ),
    Experiment(
        "dry-run",
        11,
        N_("You terminate the bastion with `--dry-run`. Is it gone?"),
        (
            N_("Yes, it is gone"),
            N_("No: AWS only says whether you would be allowed"),
            N_("It is stopped"),
        ),
        1,
        "aws ec2 terminate-instances --instance-ids $InstanceId --dry-run",
        (
            (
                "aws ec2 describe-instances --instance-ids $InstanceId --query "
                "'Reservations[].Instances[].State.Name' --output text"
            ),
        ),
        "",
        N_(
            "`DryRunOperation` means: it would have succeeded. Whoever may not is told `UnauthorizedOperation`. The "
            "instance runs as before."
        ),
    ),
    Experiment(
        "stateful",
        12,
        N_(
            "The group of the web servers loses its outbound rule for 443. Can a browser still load their pages over "
            "HTTPS?"
        ),
        (
            N_("Yes, it can"),
            N_("No: the request is stopped"),
            N_("No: the reply is stopped"),
        ),
        0,
        (
            "aws ec2 revoke-security-group-egress --group-id $WebGroupId --ip-permissions "
            "'IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges=[{CidrIp=0.0.0.0/0,Description=\"HTTPS to anywhere: "
            "updates and APIs\"}]'"
        ),
        (
            "python -m lab reach internet web@public-1 443 --reply",
            "python -m lab reach web@public-1 internet 443",
        ),
        (
            "aws ec2 authorize-security-group-egress --group-id $WebGroupId --ip-permissions "
            "'IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges=[{CidrIp=0.0.0.0/0,Description=\"HTTPS to anywhere: "
            "updates and APIs\"}]'"
        ),
        N_(
            "A security group is stateful: it remembers the request, and lets the reply pass with no rule. What the "
            "web server can no longer do is begin a conversation of its own."
        ),
    ),
    Experiment(
        "stateless",
        12,
        N_(
            "The public network ACL loses its outbound rule 200, for ports from 1024 on. Can a browser still load a "
            "page from a web server there?"
        ),
        (
            N_("Yes, it can"),
            N_("No: the request is stopped"),
            N_("No: the reply is stopped"),
        ),
        2,
        (
            "aws ec2 delete-network-acl-entry --network-acl-id $(aws ec2 describe-network-acls --filters "
            "Name=vpc-id,Values=$VpcId Name=tag:Name,Values=learning-public --query "
            "'NetworkAcls[0].NetworkAclId' --output text) --egress --rule-number 200"
        ),
        (
            "python -m lab reach internet web@public-1 443 --reply",
            "python -m lab verify",
        ),
        (
            "aws ec2 create-network-acl-entry --network-acl-id $(aws ec2 describe-network-acls --filters "
            "Name=vpc-id,Values=$VpcId Name=tag:Name,Values=learning-public --query "
            "'NetworkAcls[0].NetworkAclId' --output text) --egress --rule-number 200 --protocol tcp --port-range "
            "From=1024,To=65535 --cidr-block 0.0.0.0/0 --rule-action allow"
        ),
        N_(
            "The request arrives, and the server answers to the port that the browser called from, somewhere between "
            "1024 and 65535. An ACL is stateless: with no rule for that port it drops the answer. A flow log shows "
            "it as an ACCEPT for the way in and a REJECT for the way out."
        ),
    ),
    Experiment(
        "too-late",
        12,
        N_("You add rule 210 to the public network ACL: deny 443 from 198.51.100.66. Does it keep that address out?"),
        (
            N_("Yes: a deny wins"),
            N_("Yes: it is more specific than the others"),
            N_("No: rule 130 comes first"),
        ),
        2,
        (
            "aws ec2 create-network-acl-entry --network-acl-id $(aws ec2 describe-network-acls --filters "
            "Name=vpc-id,Values=$VpcId Name=tag:Name,Values=learning-public --query "
            "'NetworkAcls[0].NetworkAclId' --output text) --ingress --rule-number 210 --protocol tcp "
            "--port-range From=443,To=443 --cidr-block 198.51.100.66/32 --rule-action deny"
        ),
        (
            "python -m lab reach 198.51.100.66 web@public-1 443",
            "python -m lab verify",
        ),
        (
            "aws ec2 delete-network-acl-entry --network-acl-id $(aws ec2 describe-network-acls --filters "
            "Name=vpc-id,Values=$VpcId Name=tag:Name,Values=learning-public --query "
            "'NetworkAcls[0].NetworkAclId' --output text) --ingress --rule-number 210"
        ),
        N_(
            "The lowest number that matches decides: 130 allows 443 to everyone, and 210 is never looked at. As rule "
            "90 it would work, as the exercise shows."
        ),
    ),
)
