// The default templates of LearningStack, from a plain JavaScript CDK app: byte for byte the same. See bench/synth.py.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const cdk = require('aws-cdk-lib');
const ec2 = require('aws-cdk-lib/aws-ec2');
const iam = require('aws-cdk-lib/aws-iam');
const s3 = require('aws-cdk-lib/aws-s3');
const { Construct } = require('constructs');

const BOOT = path.join(__dirname, '../../constructs_lib/boot');
const { Tags } = cdk;
const ANYWHERE = '0.0.0.0/0';

// --- storage

function bucket(scope, id, properties) {
  const made = new s3.Bucket(scope, id, {
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    versioned: true,
    removalPolicy: cdk.RemovalPolicy.RETAIN,
    ...properties,
  });
  made.policy?.applyRemovalPolicy(cdk.RemovalPolicy.RETAIN);
  return made;
}

class Storage extends Construct {
  constructor(scope, id) {
    super(scope, id);
    const days = cdk.Duration.days;
    const abortUploads = { id: 'abort-unfinished-uploads', abortIncompleteMultipartUploadAfter: days(7) };
    this.logBucket = bucket(this, 'Logs', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      lifecycleRules: [
        { id: 'expire-logs', expiration: days(90), noncurrentVersionExpiration: days(1) },
        abortUploads,
      ],
    });
    this.bucket = bucket(this, 'Bucket', {
      encryption: s3.BucketEncryption.KMS_MANAGED,
      bucketKeyEnabled: true,
      serverAccessLogsBucket: this.logBucket,
      serverAccessLogsPrefix: 'access-logs/',
      lifecycleRules: [
        {
          id: 'archive-to-glacier',
          prefix: 'archive/',
          transitions: [{ storageClass: s3.StorageClass.GLACIER, transitionAfter: days(30) }],
        },
        { id: 'expire-old-versions', noncurrentVersionExpiration: days(90), expiredObjectDeleteMarker: true },
        abortUploads,
      ],
    });
  }
}

// --- network

class FixedAddresses {
  constructor(cidr, cidrsByName) {
    Object.assign(this, { cidr, cidrsByName });
  }

  allocateVpcCidr() {
    return { cidrBlock: this.cidr };
  }

  allocateSubnetsCidr({ requestedSubnets }) {
    const next = { Public: 0, Private: 0 };
    return {
      allocatedSubnets: requestedSubnets.map(({ configuration: { name } }) => ({ cidr: this.cidrsByName[name][next[name]++] })),
    };
  }
}

class Network extends Construct {
  constructor(scope, id, { logBucket }) {
    super(scope, id);
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: new FixedAddresses('10.0.0.0/16', {
        Public: ['10.0.1.0/24', '10.0.3.0/24'],
        Private: ['10.0.2.0/24', '10.0.4.0/24'],
      }),
      maxAzs: 2,
      restrictDefaultSecurityGroup: false,
      natGateways: 2,
      subnetConfiguration: [
        { name: 'Public', subnetType: ec2.SubnetType.PUBLIC, mapPublicIpOnLaunch: false },
        { name: 'Private', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      ],
    });
    this.publicSubnets = this.vpc.publicSubnets;
    this.privateSubnets = this.vpc.privateSubnets;
    this.s3Endpoint = this.vpc.addGatewayEndpoint('S3Endpoint', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    cdk.Tags.of(this.vpc.addFlowLog('FlowLog', { destination: ec2.FlowLogDestination.toS3(logBucket, 'vpc-flow-logs') })).remove('Name');
    for (const [kind, subnets] of Object.entries({ public: this.publicSubnets, private: this.privateSubnets })) {
      subnets.forEach((subnet, index) => Tags.of(subnet).add('Name', `learning-${kind}-${index + 1}`));
    }
    Tags.of(this.vpc).add('Name', 'learning-vpc');
    for (const tag of ['aws-cdk:subnet-name', 'aws-cdk:subnet-type']) Tags.of(this.vpc).remove(tag);
  }
}

// --- firewall

const tcp = (number, port, cidr, allow = true) => ({ number, allow, cidr, ports: [port, port] });
const replies = (number, cidr) => ({ number, allow: true, cidr, ports: [1024, 65535] });

class Firewall extends Construct {
  constructor(scope, id, { vpc, vpcCidr, publicSubnets, privateSubnets, officeCidr }) {
    super(scope, id);
    this.vpc = vpc;
    this.bastion = this.group('Bastion', 'The bastion: the one way in');
    this.web = this.group('Web', 'Web servers: HTTP and HTTPS for everyone, 8080 for the office');
    this.database = this.group('Database', 'MySQL servers: only for the web servers and the bastion');
    const anywhere = ec2.Peer.anyIpv4();
    const inside = ec2.Peer.ipv4(vpcCidr);
    const port = ec2.Port.tcp;
    this.bastion.addEgressRule(anywhere, port(80), 'HTTP to anywhere: package mirrors of Ubuntu');
    this.bastion.addEgressRule(anywhere, port(443), 'HTTPS to anywhere: S3, other AWS APIs, downloads');
    this.bastion.addEgressRule(inside, port(22), 'SSH from the bastion to hosts of this VPC');
    this.bastion.addEgressRule(this.database, port(3306), 'MySQL from the bastion to the databases');
    this.web.addIngressRule(anywhere, port(80), 'HTTP from anywhere: web pages are for everyone');
    this.web.addIngressRule(anywhere, port(443), 'HTTPS from anywhere: web pages are for everyone');
    this.web.addIngressRule(ec2.Peer.ipv4(officeCidr), port(8080), '8080 from the office alone');
    this.web.addEgressRule(anywhere, port(443), 'HTTPS to anywhere: updates and APIs');
    this.web.addEgressRule(this.database, port(3306), 'MySQL from the web servers to the databases');
    this.database.node.defaultChild.addPropertyOverride(
      'SecurityGroupEgress.0.Description',
      'Nothing outbound: this rule is for an address that nobody has',
    );
    this.database.addIngressRule(this.web, port(3306), 'MySQL from the web servers');
    this.database.addIngressRule(this.bastion, port(3306), 'MySQL from the bastion');

    const all = { number: 100, allow: true, cidr: vpcCidr };
    this.acl('PublicAcl', publicSubnets, {
      Inbound: [
        all,
        tcp(120, 80, ANYWHERE),
        tcp(130, 443, ANYWHERE),
        tcp(140, 8080, officeCidr),
        tcp(150, 8080, ANYWHERE, false),
        tcp(160, 3306, ANYWHERE, false),
        replies(200, ANYWHERE),
      ],
      Outbound: [all, tcp(120, 80, ANYWHERE), tcp(130, 443, ANYWHERE), tcp(160, 3306, ANYWHERE, false), replies(200, ANYWHERE)],
    });
    this.acl('PrivateAcl', privateSubnets, {
      Inbound: [tcp(100, 22, vpcCidr), tcp(110, 3306, vpcCidr), tcp(160, 3306, ANYWHERE, false), replies(200, ANYWHERE)],
      Outbound: [tcp(100, 3306, vpcCidr), tcp(120, 80, ANYWHERE), tcp(130, 443, ANYWHERE), replies(200, vpcCidr)],
    });
  }

  group(id, description) {
    const group = new ec2.SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
    Tags.of(group).add('Name', `learning-${id.toLowerCase()}`);
    return group;
  }

  acl(id, subnets, rules) {
    const acl = new ec2.NetworkAcl(this, id, { vpc: this.vpc, subnetSelection: { subnets } });
    Tags.of(acl).add('Name', `learning-${id.replace('Acl', '').toLowerCase()}`);
    for (const [direction, entries] of Object.entries(rules)) {
      for (const { number, allow, cidr, ports } of entries) {
        acl.addEntry(`${direction}${number}`, {
          ruleNumber: number,
          ruleAction: allow ? ec2.Action.ALLOW : ec2.Action.DENY,
          direction: direction === 'Inbound' ? ec2.TrafficDirection.INGRESS : ec2.TrafficDirection.EGRESS,
          cidr: ec2.AclCidr.ipv4(cidr),
          traffic: ports ? ec2.AclTraffic.tcpPortRange(...ports) : ec2.AclTraffic.allTraffic(),
        });
      }
    }
  }
}

// --- access

class Access extends Construct {
  constructor(scope, id, { bucket: ours, roleName }) {
    super(scope, id);
    const policy = (name, description, statements) =>
      new iam.ManagedPolicy(this, name, { description, statements: statements.map((each) => new iam.PolicyStatement(each)) });
    const bucketPolicy = policy('BucketPolicy', 'Read, write and delete objects of one bucket', [
      {
        sid: 'ListTheBucket',
        actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
        resources: [ours.bucketArn],
      },
      {
        sid: 'UseItsObjects',
        actions: ['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:PutObject'],
        resources: [ours.arnForObjects('*')],
      },
    ]);
    const instancePolicy = policy('InstancePolicy', 'Session Manager, and the report of the first boot', [
      {
        sid: 'OpenSessions',
        actions: [
          'ssmmessages:CreateControlChannel',
          'ssmmessages:CreateDataChannel',
          'ssmmessages:OpenControlChannel',
          'ssmmessages:OpenDataChannel',
        ],
        resources: ['*'],
      },
      {
        sid: 'RegisterForThem',
        actions: ['ssm:UpdateInstanceInformation'],
        resources: [cdk.Fn.sub('arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*')],
      },
      { sid: 'ReportTheFirstBoot', actions: ['cloudformation:SignalResource'], resources: [cdk.Aws.STACK_ID] },
    ]);
    this.role = new iam.Role(this, 'Role', {
      roleName,
      description: "The bastion's: one bucket, and Session Manager",
      assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
      managedPolicies: [bucketPolicy, instancePolicy],
    });
    this.instanceProfile = new iam.InstanceProfile(this, 'InstanceProfile', { role: this.role });
  }
}

// --- bastion

const SBIN = '/usr/local/sbin';
const BOOT_FILES = {
  'first-boot.sh': `${SBIN}/learning-stack-first-boot`,
  's3-mount-answers.sh': `${SBIN}/s3-mount-answers`,
  'keep-s3-mounted.sh': `${SBIN}/keep-s3-mounted`,
  'rc.local': '/etc/rc.local',
  'rc-local.service': '/etc/systemd/system/rc-local.service',
  'rc-local-network.conf': '/etc/systemd/system/rc-local.service.d/network.conf',
  'aws-completion.sh': '/etc/profile.d/aws-completion.sh',
};

const masked = (text) => text.replaceAll('${', '${!');
const quoted = (value) => (/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value}'`);
const indented = (text) => text.replace(/^(?!\s*$)/gm, '   ');

function writeFile(where, content) {
  const executable = where.startsWith(`${SBIN}/`) || where === '/etc/rc.local';
  return `- path: ${where}\n${executable ? "  permissions: '0755'\n" : ''}  content: |\n${indented(content)}`;
}

function userData(environment) {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}\n`);
  const read = (name) => fs.readFileSync(path.join(BOOT, name), 'utf8');
  const files = Object.entries(BOOT_FILES).map(([name, where]) => masked(writeFile(where, read(name))));
  return [read('cloud-config.yaml'), writeFile('/etc/learning-stack.env', variables.join('')), ...files].join('');
}

class UbuntuImage {
  getImage(scope) {
    const parameter = new cdk.CfnParameter(cdk.Stack.of(scope), 'Ubuntu2604Amd64', {
      type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>',
      default: '/aws/service/canonical/ubuntu/server/26.04/stable/current/amd64/hvm/ebs-gp3/ami-id',
      description: "Canonical's id of the image",
    });
    return { imageId: parameter.valueAsString, osType: ec2.OperatingSystemType.LINUX, userData: ec2.UserData.forLinux() };
  }
}

class Bastion extends Construct {
  constructor(scope, id, { vpc, subnet, securityGroup, instanceProfile, roleName, bucket: ours }) {
    super(scope, id);
    this.keyPair = new ec2.KeyPair(this, 'KeyPair', { type: ec2.KeyPairType.ED25519 });
    const data = cdk.Fn.sub(
      userData({
        BUCKET: `\${${cdk.Stack.of(this).resolve(ours.bucketName).Ref}}`,
        ROLE: roleName,
        REGION: '${AWS::Region}',
        STACK: '${AWS::StackName}',
        MOUNT_POINT: '/mnt/s3',
        MOUNT_UID: '1000',
        MOUNT_GID: '1000',
        S3_URL: 'https://s3.${AWS::Region}.${AWS::URLSuffix}',
        SIGNAL: cdk.Lazy.string({ produce: () => this.instance.instance.logicalId }),
      }),
    );
    this.instance = new ec2.Instance(this, 'Instance', {
      vpc,
      vpcSubnets: { subnets: [subnet] },
      securityGroup,
      keyPair: this.keyPair,
      machineImage: new UbuntuImage(),
      instanceType: new ec2.InstanceType('t3.micro'),
      instanceName: 'learning-bastion',
      instanceProfile,
      associatePublicIpAddress: true,
      resourceSignalTimeout: cdk.Duration.minutes(15),
      creditSpecification: ec2.CpuCredits.STANDARD,
      httpTokens: ec2.HttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      propagateTagsToVolumeOnCreation: true,
      blockDevices: [
        {
          deviceName: '/dev/sda1',
          volume: ec2.BlockDeviceVolume.ebs(8, { encrypted: true, volumeType: ec2.EbsDeviceVolumeType.GP3 }),
        },
      ],
      userData: ec2.UserData.custom(data),
      userDataCausesReplacement: true,
    });
    this.instance.instance.availabilityZone = undefined;
    Tags.of(this.instance).add('Role', 'bastion');
    this.instance.node.addDependency(subnet.internetConnectivityEstablished);
    this.elasticIp = new ec2.CfnEIP(this, 'ElasticIp', {
      domain: 'vpc',
      instanceId: this.instance.instanceId,
      tags: [{ key: 'Name', value: 'learning-bastion' }],
    });
  }
}

// --- the stacks

class LearningStack extends cdk.Stack {
  constructor(scope, id) {
    super(scope, id, {
      synthesizer: new cdk.LegacyStackSynthesizer(),
      description: 'The AWS primer for beginners: network, firewall, bucket, and a bastion that mounts it',
      tags: { Project: 'LearningStack' },
    });
    const roleName = 'access-s3-role';
    const storage = new Storage(this, 'Storage');
    const network = new Network(this, 'Network', storage);
    const firewall = new Firewall(this, 'Firewall', { ...network, vpcCidr: '10.0.0.0/16', officeCidr: '50.100.200.0/24' });
    const access = new Access(this, 'Access', { bucket: storage.bucket, roleName });
    const bastion = new Bastion(this, 'Bastion', {
      vpc: network.vpc,
      subnet: network.publicSubnets[0],
      securityGroup: firewall.bastion,
      instanceProfile: access.instanceProfile,
      roleName,
      bucket: storage.bucket,
    });
    for (const lookedFor of [storage, bastion]) Tags.of(lookedFor).add('Project', 'LearningStack');
    bastion.instance.node.addDependency(network.s3Endpoint);
    const ids = (subnets) => subnets.map((subnet) => subnet.subnetId).join(',');
    const outputs = {
      InstanceId: [bastion.instance.instanceId, 'The bastion'],
      BastionAddress: [bastion.elasticIp.attrPublicIp, "The bastion's Elastic IP"],
      SessionCommand: [
        `aws ssm start-session --target ${bastion.instance.instanceId}`,
        'A shell on the bastion: no key, no open port',
      ],
      KeyCommand: [
        `(umask 077 && aws ssm get-parameter --name ${bastion.keyPair.privateKey.parameterName} --with-decryption --query ` +
          'Parameter.Value --output text > learning-stack.pem)',
        'Fetches the private key for SSH from Parameter Store',
      ],
      SshCommand: [
        'closed; open it to your own address with: cdk deploy LearningStack -c admin_cidr=YOUR.IP.ADD.RESS/32',
        'A shell on the bastion through SSH',
      ],
      RoleName: [access.role.roleName, "The bastion's role"],
      BucketName: [storage.bucket.bucketName, 'The bucket that the bastion mounts'],
      MountPoint: ['/mnt/s3', 'Where the bastion mounts it'],
      LogBucketName: [storage.logBucket.bucketName, 'Access logs and flow logs'],
      VpcId: [network.vpc.vpcId],
      PublicSubnetIds: [ids(network.publicSubnets)],
      PrivateSubnetIds: [ids(network.privateSubnets)],
      WebGroupId: [firewall.web.securityGroupId, 'Security group for web servers'],
      DatabaseGroupId: [firewall.database.securityGroupId, 'Security group for database servers'],
    };
    for (const [name, [value, description]] of Object.entries(outputs)) new cdk.CfnOutput(this, name, { value, description });
  }
}

class OperatorsStack extends cdk.Stack {
  constructor(scope, id) {
    super(scope, id, {
      synthesizer: new cdk.LegacyStackSynthesizer(),
      description: 'The AWS primer for beginners: a group of users who may start and stop the bastion',
      tags: { Project: 'LearningStack' },
    });
    const operators = new Construct(this, 'Operators');
    const { PARTITION, ACCOUNT_ID } = cdk.Aws;
    const policy = new iam.ManagedPolicy(operators, 'Policy', {
      description: "View EC2; start and stop the bastion with MFA; set up one's own MFA device",
      statements: [
        { sid: 'ViewEc2AndMfa', actions: ['ec2:Describe*', 'iam:ListVirtualMFADevices'], resources: ['*'] },
        {
          sid: 'StartAndStopTheBastionWithMfa',
          actions: ['ec2:StartInstances', 'ec2:StopInstances'],
          resources: [`arn:${PARTITION}:ec2:*:${ACCOUNT_ID}:instance/*`],
          conditions: {
            Bool: { 'aws:MultiFactorAuthPresent': 'true' },
            StringEquals: { 'aws:ResourceTag/Project': 'LearningStack', 'aws:ResourceTag/Role': 'bastion' },
          },
        },
        {
          sid: 'SetUpOwnMfa',
          actions: [
            'iam:ChangePassword',
            'iam:CreateVirtualMFADevice',
            'iam:DeleteVirtualMFADevice',
            'iam:EnableMFADevice',
            'iam:GetUser',
            'iam:ListMFADevices',
            'iam:ResyncMFADevice',
          ],
          resources: [
            `arn:${PARTITION}:iam::${ACCOUNT_ID}:user/\${aws:username}`,
            `arn:${PARTITION}:iam::${ACCOUNT_ID}:mfa/\${aws:username}`,
          ],
        },
        {
          sid: 'SignInToTheCli',
          actions: ['signin:AuthorizeOAuth2Access', 'signin:CreateOAuth2Token'],
          resources: [`arn:${PARTITION}:signin:*:*:oauth2/public-client/*`],
        },
      ].map((each) => new iam.PolicyStatement(each)),
    });
    const group = new iam.Group(operators, 'Group', { managedPolicies: [policy] });
    new cdk.CfnOutput(this, 'GroupName', { value: group.groupName, description: 'The group of the operators' });
  }
}

const app = new cdk.App();
new LearningStack(app, 'LearningStack');
new OperatorsStack(app, 'OperatorsStack');
app.synth();
